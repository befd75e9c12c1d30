"""What who makes images may do to their locks. That it is enough, and no more, is tested in a cluster."""

from __future__ import annotations

from codeopen.platform.cluster.access.lock_rights import lock_rights


def test_the_role_is_of_leases_in_one_namespace_and_bound_to_one_account() -> None:
    role, binding = lock_rights("locks", "builder", "ci")
    assert [each.namespace for each in (role, binding)] == ["locks", "locks"]
    (rule,) = role.manifest["rules"]
    assert (rule["apiGroups"], rule["resources"]) == (["coordination.k8s.io"], ["leases"])
    assert sorted(rule["verbs"]) == ["create", "delete", "get", "list", "update"]
    assert binding.manifest["roleRef"]["name"] == role.name
    assert binding.manifest["subjects"] == [{"kind": "ServiceAccount", "name": "builder", "namespace": "ci"}]
    assert lock_rights("locks", "builder")[1].manifest["subjects"][0]["namespace"] == "locks"
