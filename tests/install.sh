#!/bin/sh
# Installs the programs that the tests and benchmarks start for real: Debian's packages, where this is root and apt is here.
# Otherwise names what is missing and exits 69 (EX_UNAVAILABLE). Python's packages and those for the
# browser go into folders of their own, below target.
set -eu

missing=""
need() { # program package
    command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || case " $missing " in *" $2 "*) ;; *) missing="$missing $2" ;; esac
}

need chromium chromium
need curl curl
need nginx nginx
need node nodejs
need npm npm
need openssl openssl
need caddy caddy
need haproxy haproxy
need php php-cli
need prometheus prometheus
need promtool prometheus
need python3 python3
need strace strace
need systemd-analyze systemd
need wrk wrk
faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -n 1 || true)
[ -n "$faketime" ] || missing="$missing libfaketime"

python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || missing="$missing python3-venv"

python_packages() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    tools=$root/target/test-tools/python
    wanted=$root/tests/python-requirements.txt
    # The copy of the list is the last thing that is written: without it, the folder is not complete.
    cmp -s "$wanted" "$tools/installed.txt" && return
    python3 -m venv --clear "$tools"
    "$tools/bin/python3" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$wanted"
    cp "$wanted" "$tools/installed.txt"
}

browser_packages() {
    # What drives the browser needs it; an older Debian's own is too old.
    if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
        echo "The tests need Node.js 20 or later, and this is $(node --version). Install a newer one and try again." >&2
        exit 69
    fi
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    tools=$root/target/test-tools/browser
    wanted=$root/tests/browser/package-lock.json
    cmp -s "$wanted" "$tools/installed.json" && return
    mkdir -p "$tools"
    cp "$root/tests/browser/package.json" "$wanted" "$tools/"
    # Nothing that a package brings is run, and no browser is fetched: Debian's is used.
    npm ci --prefix "$tools" --ignore-scripts --no-audit --no-fund --silent
    cp "$wanted" "$tools/installed.json"
}

if [ -z "$missing" ]; then
    python_packages
    browser_packages
    exit 0
fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing for the tests:$missing"
    # Some packages start a service when they are installed; the tests start what they need themselves, on ports of their own.
    services=/usr/sbin/policy-rc.d
    if [ ! -e "$services" ]; then
        trap 'rm -f "$services"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$services"
        chmod 755 "$services"
    fi
    apt-get update -qq >/dev/null
    # shellcheck disable=SC2086 # one word a package
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    python_packages
    browser_packages
    exit 0
fi

echo "The tests start real programs that are not here. Install these packages and try again:$missing" >&2
exit 69
