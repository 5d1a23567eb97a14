"""Sites, groups and sharing after a restart."""

from __future__ import annotations

import ssl

import httpx
import pytest

from airflow_provider_onedrive.emulator import Emulator

ANNA, BEN, CARA, NEW = ("anna@contoso.example", "ben@contoso.example", "cara@outlook.example", "new@contoso.example")


@pytest.fixture
def restart(tmp_path):
    """Restart an emulator on the same directory."""
    running = []

    def start():
        while running:
            running.pop().stop()
        running.append(Emulator(root=tmp_path / "store").start())
        return running[0]

    yield start
    running.pop().stop()


def client(emulator, user, *permissions):
    headers = {"Authorization": f"Bearer {emulator.token(user, permissions=permissions)}"}
    verify = ssl.create_default_context(cadata=emulator.ca_certificate)
    return httpx.Client(verify=verify, trust_env=False, base_url=f"{emulator.graph_url}/v1.0", headers=headers)


def test_a_restart_keeps_sites(restart):
    """Users, groups, sites, libraries, ids, quotas and special folders are as they were."""
    emulator = restart()
    emulator.add_user(CARA, personality="personal")
    emulator.add_user(NEW, provisioned=False)
    group = emulator.add_group("Data Team")
    site = emulator.add_site("/sites/Finance", libraries=["Dokumente", "Reports"])
    emulator.drive("sites/Finance/Reports").put("a.txt", b"x")
    emulator.drive("groups/Data Team").quota_bytes = 77
    emulator.drive(CARA).put("b.txt", b"abcd")
    places = (None, BEN, CARA, "sites/Finance", "sites/Finance/Reports", "groups/Data Team")
    before = [emulator.drive(place).id for place in places]
    with client(emulator, CARA, "Files.ReadWrite") as cara, client(emulator, NEW, "Files.ReadWrite") as new:
        special = cara.get("/me/drive/special/music").json()["id"]
        provisioned = new.get("/me/drive").json()["id"]
        new.put("/me/drive/root:/c.txt:/content", content=b"x")
    emulator = restart()
    assert [emulator.drive(place).id for place in places] == before
    assert emulator.drive("sites/Finance/Reports").read("a.txt") == b"x"
    assert emulator.drive("groups/Data Team").quota_bytes == 77
    assert emulator.drive(NEW).id == provisioned
    assert emulator.drive(NEW).read("c.txt") == b"x"
    with client(emulator, None, "Sites.Read.All") as reader, client(emulator, CARA, "Files.ReadWrite") as cara:
        assert reader.get(f"/sites/{site}").json()["name"] == "Finance"
        assert reader.get(f"/groups/{group}/drive").json()["id"] == before[-1]
        assert len(reader.get("/sites/localhost:/personal/anna_contoso_example:/drives").json()["value"]) == 2
        assert cara.get("/me/drive/special/music").json()["id"] == special
        assert cara.get("/me/drive/root:/b.txt").json()["file"]["hashes"]["sha1Hash"].startswith("81FE8BFE")


def test_a_restart_keeps_what_was_shared(restart):
    """Links, invitations and shortcuts work as before."""
    emulator = restart()
    anna, ben = emulator.drive(), emulator.drive(BEN)
    folder = anna.folder("shared")["id"]
    anna.put("shared/a.txt", b"x")
    with client(emulator, None, "Files.ReadWrite.All") as app:
        path = f"/drives/{anna.id}/items/{folder}"
        link = app.post(f"{path}/createLink", json={"type": "view", "scope": "anonymous"}).json()["shareId"]
        app.post(f"{path}/invite", json={"recipients": [{"email": BEN}], "roles": ["write"]})
    with client(emulator, BEN, "Files.ReadWrite.All") as user:
        body = {"name": "x", "remoteItem": {"id": folder, "parentReference": {"driveId": anna.id}}}
        assert user.post("/me/drive/root/children", json=body).status_code == 201
    emulator = restart()
    with client(emulator, BEN, "Files.ReadWrite.All") as user:
        assert user.get("/me/drive/root:/x").json()["remoteItem"]["id"] == folder
        assert user.put(f"/drives/{anna.id}/items/{folder}:/b.txt:/content", content=b"y").status_code == 201
        assert user.get(f"/shares/{link}/driveItem").json()["id"] == folder
    assert emulator.drive(BEN).paths() == ["x/"]
    assert ben.id == emulator.drive(BEN).id
