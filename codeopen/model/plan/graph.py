"""A small immutable directed acyclic graph.

::

    base ──► js
      └────► addon-gui        edges run from what is built first to what is built on it
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from codeopen.errors import PlanError

Node = TypeVar("Node", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Graph(Generic[Node]):
    """Nodes and (parent, child) edges. Raises PlanError on a cycle and on an edge whose end is no node."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[Node, Node], ...]

    def __post_init__(self) -> None:
        known = set(self.nodes)
        for edge in self.edges:
            for end in edge:
                if end not in known:
                    raise PlanError(f"the graph has an edge to {end}, which is not one of its nodes; add the node")
        self.generations()

    def generations(self) -> tuple[tuple[Node, ...], ...]:
        """The nodes in stages: each stands on nodes of earlier stages only, so a stage can be built in parallel."""
        waiting = dict.fromkeys(self.nodes, 0)
        children: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for parent, child in self.edges:
            waiting[child] += 1
            children[parent].append(child)
        stages = []
        stage = tuple(node for node in self.nodes if waiting[node] == 0)
        while stage:
            stages.append(stage)
            ready = set()
            for node in stage:
                for child in children[node]:
                    waiting[child] -= 1
                    if waiting[child] == 0:
                        ready.add(child)
            stage = tuple(node for node in self.nodes if node in ready)
        if stuck := [str(node) for node in self.nodes if waiting[node] > 0]:
            raise PlanError(f"these parts stand on each other in a circle: {', '.join(stuck)}; break it")
        return tuple(stages)

    def topological_order(self) -> tuple[Node, ...]:
        """Every node after all that it stands on; nodes of one stage in the order they were given in."""
        return tuple(node for stage in self.generations() for node in stage)

    def ancestors(self, node: Node) -> tuple[Node, ...]:
        """Everything that a node stands on, in the graph's order."""
        return self._reach(node, ((child, parent) for parent, child in self.edges))

    def descendants(self, node: Node) -> tuple[Node, ...]:
        """Everything that stands on a node, in the graph's order."""
        return self._reach(node, self.edges)

    def _reach(self, start: Node, steps: Iterable[tuple[Node, Node]]) -> tuple[Node, ...]:
        following: dict[Node, list[Node]] = {}
        for source, target in steps:
            following.setdefault(source, []).append(target)
        reached: set[Node] = set()
        open_nodes = [start]
        while open_nodes:
            for node in following.get(open_nodes.pop(), ()):
                if node not in reached:
                    reached.add(node)
                    open_nodes.append(node)
        return tuple(node for node in self.nodes if node in reached)
