"""The plan digests of projects' images, from one plan for all of them."""

from __future__ import annotations

from pathlib import Path

from codeopen.errors import ProjectError
from codeopen.images.ondemand.jobs import JobSource
from codeopen.images.ondemand.opening import read_source
from codeopen.model.plan.combinations import Combination
from codeopen.model.plan.parts import PartId, PartKind
from codeopen.model.plan.plan import plan_combinations
from codeopen.model.plan.projects import PlannedProject, Project, plan_projects


class ImagePlans:
    """Plans the images of any number of projects; catalog and Dockerfiles are read once."""

    def __init__(self, source: JobSource) -> None:
        self._source = source
        self._platform = source.settings.platforms[0]

    def repository(self, project: Project) -> str:
        """The ``host/repository`` of a project's image. Raises ProjectError for a selection that can't be had."""
        return str(self._planned(project).resolution.image).rpartition(":")[0]

    def digest(self, project: Project) -> str:
        """The plan digest of a project's image; empty where the project pins one.

        Raises ProjectError for a selection that can't be had, or whose image this environment can't build.
        """
        planned = self._planned(project)
        if project.image:
            return ""
        catalog, release = self._source.catalog, self._source.settings.release
        flavor = planned.resolution.image.flavor
        missing: tuple[PartId, ...] = ()
        if not planned.resolution.addons:
            part = self._source.by_id[PartId(PartKind.FLAVOR, flavor)]
            digests, missing = part.digests, missing if part.buildable else (part.part.id,)
        else:
            combination = Combination(flavor, planned.resolution.addons)
            (made,) = plan_combinations(catalog, self._source.plan.parts, release, [combination])
            digests, missing = made.digests, made.not_buildable
        if self._platform not in digests:
            what = ", ".join(map(str, missing)) or f"platform {self._platform}"
            raise ProjectError(f"project {project.id!r}: {what} can't be built here; choose another, or pin an image")
        return digests[self._platform]

    def _planned(self, project: Project) -> PlannedProject:
        release = self._source.settings.release
        (planned,) = plan_projects(self._source.catalog, [project], release, self._platform, None)
        return planned


def read_plans(checkout: Path, environment: str) -> ImagePlans:
    """The plans of an environment as the checkout has it now. Raises CodeOpenError."""
    return ImagePlans(read_source(environment, checkout))
