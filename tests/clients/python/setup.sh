#!/bin/sh
# Makes a virtual environment with the packages of requirements.txt, once.
#
#   setup.sh DIRECTORY      prints the path of its Python interpreter
#
# Exit status 3: this machine has no Python 3 that can make virtual environments (the tests are then skipped).
set -eu

directory=${1:?usage: setup.sh DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
stamp="$directory/requirements.installed"

if [ -x "$directory/bin/python" ] && cmp -s "$here/requirements.txt" "$stamp"; then
    echo "$directory/bin/python"
    exit 0
fi

if ! command -v python3 >/dev/null 2>&1; then
    echo "setup.sh: there is no python3 on the PATH; install Python 3.10 or newer" >&2
    exit 3
fi
if ! python3 -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    echo "setup.sh: $(python3 --version 2>&1) cannot make virtual environments or is older than 3.10;" \
        "on Debian and Ubuntu: apt-get install python3-venv" >&2
    exit 3
fi

rm -rf "$directory"
python3 -m venv "$directory" >&2
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
# Last: a run that was interrupted leaves no stamp and is done again.
cp "$here/requirements.txt" "$stamp"
echo "$directory/bin/python"
