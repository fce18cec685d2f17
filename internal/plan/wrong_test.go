package plan_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// wrong is one mistake in the invented plan, and what must be said of it.
type wrong struct {
	name string
	old  string // text of the plan
	new  string // what stands there instead; § marks where the finding must point, none: anywhere
	says string // part of the message
	fix  string // part of what would be right
}

func TestWrongPlans(t *testing.T) {
	raw, err := os.ReadFile(shipped()["second"])
	require.NoError(t, err)
	for _, table := range [][]wrong{wrongShape(), wrongObjectives(), wrongPlaces(), wrongStorage(), wrongDatabases(), wrongPeople(), wrongRunbooks(), wrongSecrets()} {
		for _, w := range table {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				checkWrong(t, string(raw), w)
			})
		}
	}
}

func checkWrong(t *testing.T, raw string, w wrong) {
	t.Helper()
	require.Contains(t, raw, w.old)
	text := strings.Replace(raw, w.old, w.new, 1)
	mark := strings.Index(text, "§")
	text = strings.Replace(text, "§", "", 1)
	p, findings, err := plan.Parse("wrong.yaml", []byte(text))
	require.True(t, failure.Is(err, failure.InvalidInput), "%v", err)
	require.Equal(t, "starter plan check wrong.yaml", failure.HintOf(err))
	if p != nil {
		require.Len(t, p.Hash(), 64)
	}
	var out bytes.Buffer
	require.NoError(t, findings.Render(&out, true))
	for _, finding := range findings.Errors() {
		if !strings.Contains(finding.Message, w.says) {
			continue
		}
		require.Contains(t, finding.Fix, w.fix)
		require.NotEmpty(t, finding.Fix)
		if mark >= 0 {
			before := text[:mark]
			line := 1 + strings.Count(before, "\n")
			column := mark - strings.LastIndexByte(before, '\n')
			require.Equal(t, plan.Position{File: "wrong.yaml", Line: line, Column: column}, finding.Position, out.String())
		}
		return
	}
	t.Fatalf("no error says %q:\n%s", w.says, out.String())
}

func wrongShape() []wrong {
	return []wrong{
		{"unknown key", "  owner: Port", "  §ownr: Port", "document has no key ownr", "did you mean owner?"},
		{"missing key", "  owner: Port Operations\n", "", "document lacks the key owner", "add owner"},
		{"unknown key at the root", "sites:", "§sits:", "the plan has no key sits", "did you mean sites?"},
		{"key twice", "  owner: Port Operations\n", "  owner: Port Operations\n  owner: Port Operations\n", "already defined", "check"},
		{"number for text", `version: "7"`, "version: §7", "must be text", `"7"`},
		{"text for number", "quorum: 3", "quorum: §three", "whole number", "such as"},
		{"ratio for number", "quorum: 3", "quorum: §2.5", "whole number", "such as"},
		{"text for ratio", "min_tps_ratio: 0.5", "min_tps_ratio: §half", "must be a number", "0.9"},
		{"not a number", "min_tps_ratio: 0.5", "min_tps_ratio: §.nan", "must be a number", "0.9"},
		{"text for a switch", "auto_failback: false", "auto_failback: §never", "must be true or false", "write true or false"},
		{"list for text", "owner: Port Operations", "owner: §[Port, Operations]", "must be one value", "single"},
		{"text for list", "approved_by: [Harbour Board]", "approved_by: §Harbour Board", "must be a list", "dash"},
		{"text for keys", "clock:\n  max_offset: 250ms", "clock: §soon", "must have keys", "key: value"},
		{"empty section", "clock:\n  max_offset: 250ms", "clock:", "clock is empty", "below it"},
		{"empty text", "owner: Port Operations", "owner:", "owner is empty", "write a value"},
		{"unknown value", "role: secondary", "role: §secundary", "is not a value of role", "did you mean secondary?"},
		{"unknown message", "  start-drill: [engineer]", "  start-drill: [engineer]\n  §launch: [engineer]", "is not a value of launch", "start-drill"},
		{"duration without unit", "threshold: 90s", "threshold: §90", "has no unit", "30s, 15m"},
		{"negative duration", "threshold: 90s", "threshold: §-90s", "has no unit", "30s"},
		{"endless duration", "threshold: 90s", "threshold: §99999d", "is longer than", ""},
		{"decimal size", "throttle_per_second: 80MiB", "throttle_per_second: §80MB", "binary unit", "64MiB"},
		{"no day", "last_updated: 2026-03-01", "last_updated: §2026-02-30", "is not a day", "2026-01-31"},
		{"no months", "next_review: 12 months", "next_review: §365d", "number of months", "3 months"},
		{"control character", "owner: Port Operations", "owner: §\"Port\\x1b[31m\"", "control character", "remove"},
		{"anchor", "owner: Port Operations", "owner: §&a Port", "anchors", "write the value out"},
		{"tag", "owner: Port Operations", "owner: §!!str Port", "tags", "remove it"},
		{"second document", "tests:\n", "§---\ntests:\n", "second document", "one plan a file"},
		{"no YAML", "  owner: Port Operations", "  owner: \"Port", "not YAML", "quotes"},
	}
}

func wrongObjectives() []wrong {
	return []wrong{
		{"unpromised loss", "rpo: 5m}\n    - {name: paperwork", "rpo: §0s}\n    - {name: paperwork", "cannot be promised", "none"},
		{"rank missing", "  - {level: P4, title: Nobody waits, rto: 48h, rpo: 1h}\n", "", "priority P4 is missing", "add a priority"},
		{"rank twice", "{level: P4, title", "{level: §P3, title", `"P3" is already priorities[2]`, "rename"},
		{"service twice", "{name: archive, title", "{name: invoicing, title", "is already services[0]", "rename"},
		{"name with a slash", "{name: archive, title", "{name: §a/b, title", "cannot be a name", "lower-case"},
		{"name that climbs", "{name: archive, title", "{name: §a..b, title", "cannot be a name", "lower-case"},
		{"unknown class", "class: quay", "class: §key", `no service class "key"`, "known: office, quay"},
		{"unknown dependency", "depends_on: [booking-desk, dns]", "depends_on: [§booking-dusk, dns]", "no service or component", "did you mean booking-desk?"},
		{"cycle", "depends_on: [dns, registry]", "depends_on: [dns, registry, gate-terminal]", "gate-terminal → booking-desk → gate-terminal", "remove one"},
		{"unknown source", "sources: [customs-forms]", "sources: [§custom-forms]", "no source", "did you mean customs-forms?"},
		{"no backup", "priority: P4, sources: [customs-forms]", "priority: P4", "service archive has no backup", "list the databases or sources"},
		{
			"RPO under its tier", "{name: paperwork, title: Paperwork, rpo: 1h}", "{name: paperwork, title: Paperwork, rpo: 20m}",
			"customs-forms may lose at most 20m (data class paperwork), but is backed up every 30m", "at least every 20m",
		},
		{"RPO of the service under its tier", "priority: P4, sources:", "priority: P4, rpo: 20m, sources:", "customs-forms may lose at most 20m (service archive", "every 20m"},
		{"RPO under the tail", "tail_interval: 10s", "tail_interval: §2h", "may lose at most 1h", "write at most 1h"},
		{"tier without schedule", "tiers: [hourly]", "tiers: [§weekly]", "no schedule for the weekly tier", "add a schedule"},
		{"tier named wrongly", "interval: 30m", "interval: §90m", "every 1h30m0s is not hourly", "at most 1h"},
		{"tier twice", "{tier: daily,", "{tier: §hourly,", "is already schedules[1]", "rename"},
		{"bad cron", `"0 3,15 * * *"`, `§"0 25 * * *"`, "", "minute hour day month weekday"},
		{"words for cron", `"0 3,15 * * *"`, `§"@every 1s"`, "is not a cron expression", "minute hour"},
	}
}

func wrongPlaces() []wrong {
	return []wrong{
		{"two primaries", "role: secondary\n    kube", "role: primary\n    kube", "2 sites are primary", "exactly one"},
		{"host twice", "name: yard-2\n", "name: §yard-1\n", `host "yard-1" is already at site hinterland`, "rename"},
		{"bad address", "address: 10.20.0.11\n", "address: §\"10.20.0.11:22\"\n", "is not an address", "without port"},
		{"bad signing key", "{key: xj", "{key: §x.xj", "is not base64 of an OpenPGP public key", "gpg --export"},
		{"key never valid", "valid_until: 2029-01-01}", "valid_until: §2025-01-01}", "is never valid", "after valid_from"},
		{"no server", "  server: 10.20.0.53:53\n", "", "is not host:port", "host:port"},
		{"bad port", "server: 10.20.0.53:53", "server: §10.20.0.53:70000", "is not host:port", "host:port"},
		{"record without target", ", hinterland: 10.30.0.80", "", "no target for site hinterland", "add hinterland"},
		{"record of no site", "hinterland: 10.30.0.80", "hinterlant: 10.30.0.80", `no site "hinterlant"`, "did you mean hinterland?"},
		{"record type", "type: A,", "type: §TXT,", "is not a type holdfast changes", "CNAME"},
	}
}

func wrongStorage() []wrong {
	return []wrong{
		{"one provider", "provider: s3\n    bucket", "provider: gcs\n    bucket", "path_style has no meaning for a gcs store", "remove it"},
		{"relative path", "path: /mnt/cellar/holdfast", "path: §cellar", "is not an absolute path", "from the root"},
		{"climbing path", "path: /mnt/cellar/holdfast", "path: §/mnt/../etc", "is not an absolute path", "without .."},
		{"bad bucket", "bucket: freight-vault", "bucket: §Freight", "is not the name of a bucket", "lower-case"},
		{"bad prefix", "prefix: desk/production", "prefix: §/desk/", "is not a prefix", "slash"},
		{"no region", "    region: south\n    endpoint", "    endpoint", "needs a region", "add region"},
		{"no URL", "endpoint: https://objects.example.net", "endpoint: §objects.example.net", "is not a URL", "https://"},
		{"half a key", "    secret_key: env:ANNEX_SECRET_KEY\n", "", "access_key and secret_key go together", "give both"},
		{"store in a data directory", "path: /mnt/cellar/holdfast", "path: §/srv/pg/ledger/store", "overlap", "own"},
		{"one recipient", "    - {name: safe, email: safe@freight.example, public_key_file: /etc/freight/safe.asc, offline: true}\n", "", "1 recipients", "second recipient"},
		{"none offline", ", offline: true", "", "no recipient is offline", "offline: true"},
		{"one key twice", "/etc/freight/safe.asc", "§/etc/freight/restore.asc", "already another recipient's", "own"},
		{"bad email", "email: safe@freight.example", "email: §safe", "is not an email address", "name@example.com"},
		{"unknown cipher", "cipher: AES256", "cipher: §3DES", "is not a value of cipher", "AES256"},
	}
}
