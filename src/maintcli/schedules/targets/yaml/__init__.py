"""The part of YAML that manifests, workflows and blueprints are written in."""
