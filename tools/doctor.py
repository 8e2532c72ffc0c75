"""Look over the installation, layer by layer, and name the one command that mends each fault.

python tools/doctor.py               the whole table; exit code 0 healthy, 1 faults
python tools/doctor.py --fix         mend cv2, where two distributions overwrite each other, then look
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    from segloop.utils import cli, doctor
except ImportError:  # half of the installation is missing: that is when this tool is needed
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    from segloop.utils import cli, doctor
from segloop.utils.errors import EXIT_DONE, EXIT_FINDINGS, UserError


def parse_args() -> cli.argparse.Namespace:
    """Read the command line."""
    parser = cli.Parser(description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=doctor.LAYERS, metavar="LAYER", help="this layer alone"
    )
    parser.add_argument("--fix", action="store_true", help="mend cv2 if it is ill, then look")
    parser.add_argument("--quiet", action="store_true", help="print faults only")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser.parse_args()


def main() -> int:
    """Look, mend if asked to, print, and return the exit code."""
    args = parse_args()
    if args.fix and any(finding.state != "ok" for finding in doctor.diagnose(["cv2"])):
        with tempfile.TemporaryDirectory() as folder:
            for command in doctor.fix_cv2(Path(folder)):
                if subprocess.run(command, stdout=sys.stderr).returncode:
                    raise UserError(f"This failed, and cv2 is not mended:\n  {shlex.join(command)}")
    findings = []
    for finding in doctor.diagnose(args.only or ()):
        findings.append(finding)
        if not args.json and (finding.state == "fault" or not args.quiet):
            sign = doctor.SIGNS[finding.state]
            print(f"{sign} {finding.layer:12} {finding.version:14} {finding.detail}".rstrip(), flush=True)
    healthy = all(finding.state in ("ok", "warning") for finding in findings)
    if args.json:
        found = [dataclasses.asdict(finding) for finding in findings]
        print(json.dumps({"healthy": healthy, "findings": found}, indent=2, ensure_ascii=False))
        return EXIT_DONE if healthy else EXIT_FINDINGS
    shown = [finding for finding in findings if finding.mend and (finding.state == "fault" or not args.quiet)]
    for mend in dict.fromkeys(finding.mend for finding in shown):
        layers = ", ".join(finding.layer for finding in shown if finding.mend == mend)
        print(f"\nTo mend {layers}:\n  {mend}")
    if not args.quiet:
        print("\nhealthy" if healthy else "\nnot healthy")
    return EXIT_DONE if healthy else EXIT_FINDINGS


if __name__ == "__main__":
    cli.run(main)
