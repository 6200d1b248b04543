#!/bin/bash
# timeout: 120
# A sample of generated expressions: every one is answered. The long run is `make fuzz-expr`.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
exec python3 "$here/fuzz/expressions.py" "$HOLDFAST" --count 2500 --limit 2000
