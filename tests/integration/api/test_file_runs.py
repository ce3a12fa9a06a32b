# SPDX-License-Identifier: Apache-2.0
"""A file that was uploaded to a server, in an execution of real nodes on the same home."""

import json
from pathlib import Path

from tests.integration.api.depot import upload
from tests.integration.api.house import House
from tests.integration.api.people import Town
from tests.integration.cli.site import Site

WORKFLOW = """
legato: 1
name: reader
inputs: {report: {type: object}}
nodes:
  text: {uses: blob.get, with: {blob: "${{ inputs.report }}"}}
  lines:
    needs: [text]
    uses: data.transform
    with: {value: "${{ nodes.text.output.text + inputs.report.name }}"}
outputs: {found: "${{ nodes.lines.output }}"}
"""


def test_a_node_reads_an_uploaded_file(tmp_path: Path) -> None:
    """By `{"$file": id}`, also when it was deleted; what is no file is refused [FI40, FI42]."""
    site = Site(tmp_path)
    try:
        clerk = House(Town(site)).member("operator")
        made = upload(clerk, b"what it says: ", name="Bericht.txt")
        document = site.write(WORKFLOW)
        given = json.dumps({"$file": made["id"]})
        result = site.run("run", document, "--input", f"report={given}", "--json")
        assert result.code == 0, result
        ended = result.values[-1]
        assert "what it says: Bericht.txt" in json.dumps(ended)
        assert clerk.call("DELETE", f"/files/{made['id']}").status_code == 204
        (row,) = site.ok("executions", "list", "--json").values
        again = site.run("executions", "fork", row["execution_id"], "--from", "text", "--json")
        assert again.code == 0, again
        refused = site.run("run", document, "--input", f"report={given}", "--json")
        assert refused.code == 2, refused
        (problem,) = json.loads(refused.err)["error"]["problems"]
        assert (problem["path"], problem["message"]) == ("report", "there is no such file")
    finally:
        site.close()
