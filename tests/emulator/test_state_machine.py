"""Random operations on a drive, over HTTP, and on a simple model of one: the two must agree after each."""

from __future__ import annotations

import itertools
from random import Random
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from drive_model import Model, Node, quick_xor_hash
from examples import examples
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from airflow_provider_onedrive.emulator import Emulator

FRAGMENT_BYTES = 320 * 1024
NAMES = st.sampled_from(["a.txt", "A.TXT", "b", "100% #1 (ä)+.csv", "it's [1]&=.tar.gz"])
# Which of the items there are.
PICKS = st.integers(0, 50)
# A content is described by its length; the seed makes it differ from others of that length.
SMALL = st.builds(
    lambda size, seed: Random(seed).randbytes(size), st.sampled_from([0, 1, 161, 5000]), st.integers(0, 9)
)
LARGE = st.builds(
    lambda size, seed: Random(seed).randbytes(size),
    st.sampled_from([1, FRAGMENT_BYTES, FRAGMENT_BYTES + 1, 2 * FRAGMENT_BYTES + 77]),
    st.integers(0, 9),
)
CONFLICTS = st.sampled_from([None, "fail", "replace", "rename"])
SETTINGS = settings(
    max_examples=examples(20),
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # add Phase.shrink to reduce a failure to few steps: that takes minutes
    suppress_health_check=list(HealthCheck),
)


class DriveMachine(RuleBasedStateMachine):
    """:ivar told: items that delta has listed so far, by id."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__()
        self.emulator = emulator
        emulator.reset()
        self.connect()
        self.restarts = 0
        self.delta_token = ""
        self.told: dict[str, dict] = {}
        root = self.http.get("/root").json()
        self.model = Model(root["id"])
        self.model.root.tag = root.get("eTag")

    def connect(self) -> None:
        drive_id = self.emulator.drive().id
        self.http = httpx.Client(
            base_url=f"{self.emulator.graph_url}/v1.0/drives/{drive_id}",
            headers={"Authorization": f"Bearer {self.emulator.token(self.emulator.users[0])}"},
            verify=False,  # nothing is encrypted, and to read the system's certificates takes longer than 30 requests
            trust_env=False,
        )
        self.plain = httpx.Client(verify=False, trust_env=False)

    @property
    def is_personal(self) -> bool:
        return self.emulator.personality == "personal"

    def teardown(self) -> None:
        self.delta(top=1000)
        for node in self.model.nodes:
            self.agree(node, self.http.get(at(node)).json())
        for node in self.model.files:
            assert len(self.http.get(f"{at(node)}/versions").json()["value"]) == node.versions
        assert [entry for entry in self.emulator.requests if entry.status == 500] == []
        self.http.close()
        self.plain.close()

    # Writing

    @rule(folder=PICKS, name=NAMES, content=SMALL, conflict=CONFLICTS)
    def put(self, folder, name, content, conflict):
        folder = pick(self.model.folders, folder)
        query = {} if conflict is None else {"@microsoft.graph.conflictBehavior": conflict}
        reply = self.http.put(f"{at(folder)}:/{quote(name)}:/content", params=query, content=content)
        self.written(reply, folder, name, content, conflict or "replace")

    @rule(folder=PICKS, name=NAMES, content=SMALL)
    def put_with_folders(self, folder, name, content):
        """Missing folders of a path are created."""
        folder = pick(self.model.folders, folder)
        between = self.model.child(folder, "new")
        reply = self.http.put(f"{at(folder)}:/new/{quote(name)}:/content", content=content)
        if between is None:
            between = self.model.add(folder, "new", None)
            self.meet(between, self.http.get(f"{at(folder)}:/new").json())
        self.written(reply, between, name, content, "replace")

    @precondition(lambda self: self.model.files)
    @rule(file=PICKS, content=SMALL, matches=st.sampled_from(["", "now", "before"]))
    def replace(self, file, content, matches):
        """Only an eTag that is still right lets the new content in."""
        node = pick(self.model.files, file)
        tag = {"": None, "now": node.tag, "before": node.tag.replace(",", ",9")}[matches]
        reply = self.http.put(f"{at(node)}/content", content=content, headers={"If-Match": tag} if tag else {})
        if matches == "before":
            assert problem(reply) == (412, "notAllowed")
            return
        assert reply.status_code == 200
        self.replaced(node, content, reply.json())

    @rule(folder=PICKS, name=NAMES, content=LARGE, conflict=CONFLICTS, trouble=st.sampled_from(["", "again", "gap"]))
    def upload(self, folder, name, content, conflict, trouble):
        folder = pick(self.model.folders, folder)
        item = {} if conflict is None else {"@microsoft.graph.conflictBehavior": conflict}
        reply = self.http.post(f"{at(folder)}:/{quote(name)}:/createUploadSession", json={"item": item})
        if self.is_taken(folder, name, conflict or "fail"):
            assert problem(reply) == (409, "nameAlreadyExists")
            return
        reply = self.send_fragments(reply.json()["uploadUrl"], content, trouble)
        self.written(reply, folder, name, content, conflict or "fail")

    def send_fragments(self, url, content, trouble):
        starts = range(0, len(content), FRAGMENT_BYTES)
        for start in starts:
            reply = self.send(url, content, start)
            if start != starts[-1]:
                assert reply.status_code == 202
                assert reply.json()["nextExpectedRanges"] == [f"{start + FRAGMENT_BYTES}-{len(content) - 1}"]
                self.send_wrongly(url, content, start, trouble)
        return reply

    def send_wrongly(self, url, content, start, trouble):
        """A repeated or early fragment is refused and does no harm."""
        wrong = {"again": start, "gap": start + 2 * FRAGMENT_BYTES}.get(trouble, len(content))
        if wrong < len(content):
            assert problem(self.send(url, content, wrong)) == (416, "invalidRange")

    def send(self, url, content, start):
        fragment = content[start : start + FRAGMENT_BYTES]
        where = f"bytes {start}-{start + len(fragment) - 1}/{len(content)}"
        return self.plain.put(url, content=fragment, headers={"Content-Range": where})

    @rule(folder=PICKS, name=NAMES, content=LARGE)
    def upload_and_cancel(self, folder, name, content):
        """A session that is cancelled leaves nothing behind."""
        path = f"{at(pick(self.model.folders, folder))}:/{quote(name)}:/createUploadSession"
        reply = self.http.post(path, json={"item": {"@microsoft.graph.conflictBehavior": "rename"}})
        url = reply.json()["uploadUrl"]
        if len(content) > FRAGMENT_BYTES:
            assert self.send(url, content, 0).status_code == 202
        assert self.plain.delete(url).status_code == 204
        assert problem(self.plain.get(url)) == (404, "itemNotFound")

    # Folders, names and positions

    @rule(folder=PICKS, name=NAMES, conflict=CONFLICTS)
    def create_folder(self, folder, name, conflict):
        folder = pick(self.model.folders, folder)
        body = {"name": name, "folder": {}}
        body |= {} if conflict is None else {"@microsoft.graph.conflictBehavior": conflict}
        reply = self.http.post(f"{at(folder)}/children", json=body)
        existing = self.model.child(folder, name)
        if existing and existing.is_folder and conflict == "replace":
            assert reply.status_code == 200
            self.agree(existing, reply.json())
            return
        if existing:
            if conflict != "rename":
                assert problem(reply) == (409, "nameAlreadyExists")
                return
            name = self.model.free_name(folder, name, of_folder=True)
        assert reply.status_code == 201
        self.learn(self.model.add(folder, name, None), reply.json())

    @precondition(lambda self: len(self.model.nodes) > 1)
    @rule(item=PICKS, name=NAMES)
    def rename(self, item, name):
        node = pick(self.model.nodes[1:], item)
        self.change_place(node, node.parent, name, {"name": name})

    @precondition(lambda self: len(self.model.nodes) > 1)
    @rule(item=PICKS, folder=PICKS, name=st.none() | NAMES)
    def move(self, item, folder, name):
        node, folder = pick(self.model.nodes[1:], item), pick(self.model.folders, folder)
        change = {"parentReference": {"id": folder.id}} | ({"name": name} if name else {})
        self.change_place(node, folder, name or node.name, change)

    def change_place(self, node, folder, name, change):
        reply = self.http.patch(at(node), json=change)
        if folder.is_within(node):
            assert problem(reply) == (400, "invalidRequest")
        elif self.model.child(folder, name) not in {None, node}:
            assert problem(reply) == (409, "nameAlreadyExists")
        else:
            assert reply.status_code == 200
            node.parent, node.name = folder, name
            self.learn(node, reply.json())

    @precondition(lambda self: len(self.model.nodes) > 1)
    @rule(item=PICKS, folder=PICKS, name=st.none() | NAMES, conflict=CONFLICTS)
    def copy(self, item, folder, name, conflict):
        """A taken name is reported by the monitor, and not by the call."""
        node, folder = pick(self.model.nodes[1:], item), pick(self.model.folders, folder)
        query = {} if conflict is None else {"@microsoft.graph.conflictBehavior": conflict}
        body = {"parentReference": {"id": folder.id}} | ({"name": name} if name else {})
        reply = self.http.post(f"{at(node)}/copy", params=query, json=body)
        if folder.is_within(node):
            assert problem(reply) == (400, "invalidRequest")
            return
        assert (reply.status_code, reply.content) == (202, b"")
        self.copied(self.end_of_job(reply.headers["Location"]), node, folder, name or node.name, conflict or "fail")

    def end_of_job(self, url):
        for _ in range(20):
            said = self.plain.get(url).json()
            if said["status"] in {"completed", "failed"}:
                return said
        raise AssertionError(said)

    def copied(self, said, node, folder, name, conflict):
        conflict = "fail" if self.is_personal else conflict
        existing = self.model.child(folder, name)
        if existing and conflict == "rename":
            name = self.model.free_name(folder, name, of_folder=node.is_folder)
        elif existing:
            if conflict == "fail" or existing.is_folder or node.is_folder or existing is node:
                assert (said["status"], said["error"]["code"]) == ("failed", "nameAlreadyExists")
                return
            self.model.remove(existing)
        assert said["status"] == "completed"
        # The monitor of a consumer's copy names it by an id that its drive does not know.
        copy = f"{at(folder)}:/{quote(name)}" if self.is_personal else f"/items/{said['resourceId']}"
        self.learn_copy(node, folder, name, self.http.get(copy).json())

    def learn_copy(self, node, folder, name, item):
        made = self.model.add(folder, name, node.content)
        self.meet(made, item)
        for child in self.model.children(node):
            self.learn_copy(child, made, child.name, self.http.get(f"{at(made)}:/{quote(child.name)}").json())
        self.agree(made, item)

    # Away and back

    @precondition(lambda self: len(self.model.nodes) > 1)
    @rule(item=PICKS, matches=st.sampled_from(["", "now", "before"]))
    def delete(self, item, matches):
        node = pick(self.model.nodes[1:], item)
        tag = {"": None, "now": node.tag, "before": node.tag.replace(",", ",9")}[matches]
        reply = self.http.delete(at(node), headers={"If-Match": tag} if tag else {})
        if matches == "before":
            assert problem(reply) == (412, "resourceModified")
            return
        assert reply.status_code == 204
        parent = node.parent
        self.model.bin.append((self.model.remove(node), parent))
        assert problem(self.http.get(at(node))) == (404, "itemNotFound")

    @precondition(lambda self: len(self.model.nodes) > 1)
    @rule(item=PICKS)
    def delete_permanently(self, item):
        node = pick(self.model.nodes[1:], item)
        reply = self.http.post(f"{at(node)}/permanentDelete")
        if self.is_personal:
            assert problem(reply) == (405, "methodNotAllowed")
            return
        assert reply.status_code == 204
        self.model.remove(node)

    @precondition(lambda self: self.model.bin)
    @rule(item=PICKS)
    def restore(self, item):
        """Restore returns an item to its folder, or to the root if that is deleted."""
        nodes, parent = deleted = pick(self.model.bin, item)
        reply = self.http.post(f"{at(nodes[0])}/restore", json={})
        if not self.is_personal:
            assert reply.status_code in {404, 501}
            return
        folder = parent if parent in self.model.nodes else self.model.root
        if self.model.child(folder, nodes[0].name):
            assert problem(reply) == (409, "nameAlreadyExists")
            return
        assert reply.status_code == 200
        nodes[0].parent = folder
        self.model.bin.remove(deleted)
        self.model.nodes += nodes
        nodes[0].tag = reply.json()["eTag"]
        self.agree(nodes[0], reply.json())

    # Reading

    @rule(item=PICKS)
    def get(self, item):
        """By id and by path it is the same item."""
        node = pick(self.model.nodes, item)
        self.agree(node, self.http.get(at(node)).json())
        above = list(itertools.takewhile(lambda folder: folder.parent, ancestry(node)))
        if above:
            path = "/".join(quote(folder.name.swapcase()) for folder in reversed(above))
            self.agree(node, self.http.get(f"/root:/{path}").json())

    @precondition(lambda self: self.model.files)
    @rule(file=PICKS, start=st.integers(0, 6000))
    def read(self, file, start):
        node = pick(self.model.files, file)
        reply = self.http.get(f"{at(node)}/content")
        assert reply.status_code == 302
        url = reply.headers["Location"]
        assert self.plain.get(url).content == node.content
        part = self.plain.get(url, headers={"Range": f"bytes={start}-{start + 9}"})
        inside = node.content[start : start + 10]
        assert (part.status_code, part.content if inside else b"") == (206 if inside else 416, inside)

    @rule(folder=PICKS, top=st.integers(1, 4))
    def children(self, folder, top):
        """Each child is listed once across the pages."""
        folder = pick(self.model.folders, folder)
        pages = [self.http.get(f"{at(folder)}/children", params={"$top": top}).json()]
        while "@odata.nextLink" in pages[-1]:
            assert len(pages[-1]["value"]) == top
            pages.append(self.http.get(pages[-1]["@odata.nextLink"]).json())
        items = [item for page in pages for item in page["value"]]
        by_id = {node.id: node for node in self.model.children(folder)}
        assert sorted(item["id"] for item in items) == sorted(by_id)
        for item in items:
            self.agree(by_id[item["id"]], item)

    @rule(top=st.integers(1, 5))
    def delta(self, top):
        """A client that applies each round knows the whole drive."""
        page = self.delta_page({"$top": top} | ({"token": self.delta_token} if self.delta_token else {}))
        while "@odata.nextLink" in page:
            page = self.delta_page(query_of(page["@odata.nextLink"]))
        self.delta_token = query_of(page["@odata.deltaLink"])["token"]
        assert sorted(self.told) == sorted(node.id for node in self.model.nodes)
        for node in self.model.nodes:
            self.agree_with_told(node, self.told[node.id])

    def delta_page(self, query):
        page = self.http.get("/root/delta", params=query).json()
        for item in page["value"]:
            self.told[item["id"]] = item
            if "deleted" in item:
                del self.told[item["id"]]
        return page

    @precondition(lambda self: self.emulator.is_kept and self.restarts == 0 and len(self.model.nodes) > 2)
    @rule()
    def restart(self):
        self.restarts += 1
        self.http.close()
        self.plain.close()
        self.emulator.stop()
        self.emulator.start()
        self.connect()

    # Invariants of both

    def is_taken(self, folder, name, conflict):
        existing = self.model.child(folder, name)
        return existing and conflict != "rename" and (conflict == "fail" or existing.is_folder)

    def written(self, reply, folder, name, content, conflict):
        """Check the answer to content that was written to a name."""
        existing = self.model.child(folder, name)
        if self.is_taken(folder, name, conflict):
            assert problem(reply) == (409, "nameAlreadyExists")
        elif existing and conflict == "replace":
            assert reply.status_code == 200
            self.replaced(existing, content, reply.json())
        else:
            name = self.model.free_name(folder, name, of_folder=False) if existing else name
            assert reply.status_code == 201
            self.learn(self.model.add(folder, name, content), reply.json())

    def replaced(self, node, content, item):
        node.content = content
        node.versions += 1
        self.learn(node, item)

    def learn(self, node, item):
        """Copy values that only the service knows: new ids, and an eTag, which must differ."""
        assert item["eTag"] != node.tag
        if node.id:
            node.tag = item["eTag"]
        else:
            self.meet(node, item)
        self.agree(node, item)

    def meet(self, node, item):
        assert item["id"] not in {other.id for other in self.model.nodes}
        node.id, node.tag = item["id"], item["eTag"]

    def agree(self, node: Node, item):
        assert item["size"] == self.model.size(node)
        assert item.get("folder", {}).get("childCount") == (len(self.model.children(node)) if node.is_folder else None)
        self.agree_with_told(node, item)

    def agree_with_told(self, node: Node, item):
        assert (item["id"], item["name"], item.get("eTag")) == (node.id, node.name, node.tag)
        assert item["parentReference"].get("id") == (node.parent.id if node.parent else None)
        if node.content is not None:
            assert item["file"]["hashes"]["quickXorHash"] == quick_xor_hash(node.content)
            assert item["size"] == len(node.content)


def at(node):
    return f"/items/{node.id}"


def pick(choices, number):
    return choices[number % len(choices)]


def ancestry(node):
    while node:
        yield node
        node = node.parent


def query_of(link):
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


def problem(reply):
    return reply.status_code, reply.json()["error"]["code"]


@pytest.mark.parametrize(("personality", "is_kept"), [("business", False), ("business", True), ("personal", False)])
def test_a_drive_is_what_a_simple_model_is(tmp_path, personality, is_kept):
    """After any sequence of steps, tree, sizes, hashes, eTags, pages and delta are those of the model."""
    with Emulator(personality=personality, root=tmp_path if is_kept else None, tls=False) as emulator:
        emulator.is_kept = is_kept
        run_state_machine_as_test(lambda: DriveMachine(emulator), settings=SETTINGS)
