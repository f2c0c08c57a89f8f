"""Renders the chart beside it and prints the objects, by file, as JSON: render.py '{"some": "values"}'

Needs helm-python-sdk, which is Helm's own engine, and kubernetes-validate, which knows what Kubernetes takes. Objects of
other makers (monitoring.coreos.com) are only rendered.
"""

import json
import pathlib
import sys

import helm_python
import kubernetes_validate
import yaml

# Of the oldest version that the chart names, as far as kubernetes-validate goes back, and of a recent one.
VERSIONS = ("1.25", "1.33")

chart = str(pathlib.Path(__file__).parent / "awaitd")
found = helm_python.lint(chart)
# 1 tells of what would be nice: an icon.
wrong = [said for said in found["messages"] if said["severity"] > 1] + found["errors"]
if wrong:
    sys.exit(f"lint: {wrong}")
try:
    with helm_python.Chart.load(chart) as loaded:
        files = loaded.render(values=json.loads(sys.argv[1]), name="demo")
except helm_python.HelmError as error:
    sys.exit(str(error))
objects = {}
for path, text in files.items():
    name = path.rsplit("/", 1)[1]
    if name.endswith(".yaml") and (thing := yaml.safe_load(text)):
        objects[name] = thing
        if "monitoring.coreos.com" not in thing["apiVersion"]:
            for version in VERSIONS:
                kubernetes_validate.validate(thing, version, strict=True)
print(json.dumps(objects))
