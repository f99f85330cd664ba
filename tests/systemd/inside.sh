#!/bin/sh
# Runs inside the container, as root, once systemd is up. Each step's outcome goes to /result/steps, what it said to
# /result/log; the container then powers off. /wheels and /src were put there from outside.
set -u
mkdir -p /result
exec >/result/log 2>&1

# step NAME COMMAND...: note whether the command does what it should.
step() {
    name=$1
    shift
    echo "=== $name"
    if "$@"; then echo "ok $name" >>/result/steps; else echo "FAILED $name" >>/result/steps; fi
}

poll() { curl --silent --show-error --max-time 20 --user "$1" --request UIDL pop3://127.0.0.1/; }
poll_listed() {
    for _ in $(seq 50); do
        [ "$(poll "$1" | wc -l)" = 1 ] && return 0
        sleep 0.2
    done
    return 1
}
exact() { curl --silent --max-time 20 --user "$1" pop3://127.0.0.1/1 | cmp - /src/message; }
refused() { ! poll "$1"; }

cat >/etc/dovecot/dovecot.conf <<'CONF'
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:/var/vmail/%u
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = scheme=PLAIN /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/var/vmail/%u
}
CONF
echo 'anna:upstream-secret-7' >/etc/dovecot/users
useradd --system --create-home --home-dir /var/vmail vmail
systemctl restart dovecot
doveadm save -u anna </src/message

# As the example has it: an admin's shell has none of the unit's directories in its environment.
config() {
    printf '[server]\nstate_dir = "/var/lib/popbridge"\ncontrol = "/run/popbridge/control.sock"\n\n'
    printf '[[listener]]\naddress = "%s"\ntls = "none"\n\n' "$1"
    printf '[account.mail]\nhost = "127.0.0.1"\nport = 143\ntls = "none"\nuser = "anna"\n'
    printf 'password_credential = "secret_anna"\n\n'
    shift
    for device in "$@"; do
        printf '[device.%s]\npassword_file = "%s.secret"\nsources = ["mail"]\n\n' "$device" "$device"
    done
}
put_config() {
    config "$@" >/etc/popbridge/popbridge.toml
    for device in fax door; do
        echo "device-secret-$device-9" >"/etc/popbridge/$device.secret"
        chown root:popbridge "/etc/popbridge/$device.secret"
        chmod 640 "/etc/popbridge/$device.secret"
    done
}
reload_until() {
    systemctl reload popbridge || return 1
    for _ in $(seq 50); do
        "$@" && return 0
        sleep 0.2
    done
    return 1
}

step 'installs from the wheel' sh /src/deploy/install.sh --wheels /wheels --from /wheels/popbridge-*.whl
step 'example config is not world-readable' test "$(stat -c %a:%U:%G /etc/popbridge/popbridge.toml)" = 640:root:popbridge
step 'starts nothing by itself' sh -c '! systemctl is-active popbridge'

printf 'upstream-secret-7\n' >/etc/popbridge/credentials/anna
chmod 600 /etc/popbridge/credentials/anna
put_config 127.0.0.1:110 fax
step 'start waits for ready' systemctl start popbridge
step 'says what it listens on' sh -c 'journalctl -u popbridge | grep "listening address=127.0.0.1:110 tls=none"'
step 'a device sees the mail' poll_listed fax:device-secret-fax-9
step 'and gets it exactly' exact fax:device-secret-fax-9
step 'an unknown device is refused' refused door:device-secret-door-9
step 'runs as its user' test "$(ps -o user= -p "$(systemctl show -P MainPID popbridge)")" = popbridge
step 'state is private' test "$(stat -c %a:%U /var/lib/popbridge/popbridge.sqlite3)" = 600:popbridge
step 'status tells the admin' sh -c 'popbridge status --json | grep -q "\"running\": *true"'
uidl=$(poll fax:device-secret-fax-9)

put_config 127.0.0.1:110 fax door
step 'reload takes a new device' reload_until poll_listed door:device-secret-door-9
echo 'nonsense = [' >>/etc/popbridge/popbridge.toml
systemctl reload popbridge
step 'a bad config changes nothing' poll_listed door:device-secret-door-9
put_config 127.0.0.1:110 fax door
step 'restart keeps unique-ids' sh -c 'systemctl restart popbridge'
step 'unique-ids are the same' test "$(poll fax:device-secret-fax-9)" = "$uidl"

step 'installing again upgrades what runs' sh /src/deploy/install.sh --wheels /wheels --from /wheels/popbridge-*.whl
step 'and leaves the config' grep -q 'device.door' /etc/popbridge/popbridge.toml
step 'and serves on' poll_listed fax:device-secret-fax-9
step 'stop is clean' sh -c 'systemctl stop popbridge && test "$(systemctl show -P Result popbridge)" = success'

put_config systemd:pop3 fax
mkdir -p /etc/systemd/system/popbridge.socket.d
printf '[Socket]\nListenStream=\nListenStream=127.0.0.1:110\n' >/etc/systemd/system/popbridge.socket.d/test.conf
systemctl daemon-reload
step 'the socket unit starts' systemctl start popbridge.socket
step 'a connection starts the service' poll_listed fax:device-secret-fax-9
step 'the passed socket is announced' sh -c 'journalctl -u popbridge | grep -c "listening address="'
step 'the service stops again' systemctl stop popbridge.socket popbridge.service

journalctl -u popbridge --output cat >/result/journal
step 'uninstalls' sh /src/deploy/install.sh --uninstall
step 'config and state stay' test -e /etc/popbridge/popbridge.toml -a -e /var/lib/popbridge/popbridge.sqlite3
step 'purge removes them' sh /src/deploy/install.sh --uninstall --purge
step 'nothing is left' sh -c '! ls -d /opt/popbridge /etc/popbridge /var/lib/popbridge /usr/local/bin/popbridge 2>/dev/null'
step 'twice is no mistake' sh /src/deploy/install.sh --uninstall
