package plan_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/plan"
)

func wrongDatabases() []wrong {
	return []wrong{
		{"unknown service", "service: invoicing", "service: §invoicin", `no service "invoicin"`, "did you mean invoicing?"},
		{"service that does not list it", "databases: [ledger]", "databases: [bookings]", "does not list database ledger", "add ledger"},
		{"unknown host", "{host: quay-1,", "{host: §quay-9,", `no host "quay-9"`, "did you mean quay-1?"},
		{"no primary", "{host: yard-2, role: primary", "{host: yard-2, role: replica", "has 0 primaries", "exactly one"},
		{"bad port", "port: 6002, bin_dir: /opt/pg17/bin, aside_port: 6102", "port: §0, bin_dir: /opt/pg17/bin, aside_port: 6102", "is not a port", "65535"},
		{"clashing ports", "aside_port: 6101, workspace: /srv/restore/bookings}\n    roles", "aside_port: §6001, workspace: /srv/restore/bookings}\n    roles", "on host yard-1", "own"},
		{
			"overlapping directories", "data_dir: /srv/pg/ledger, port: 6002, bin_dir: /opt/pg17/bin, aside_port: 6102, workspace: /srv/restore/ledger}\n    roles",
			"data_dir: §/srv/pg/bookings/x, port: 6002, bin_dir: /opt/pg17/bin, aside_port: 6102, workspace: /srv/restore/ledger}\n    roles", "overlap", "own",
		},
		{"workspace in the data directory", "workspace: /srv/restore/bookings", "workspace: §/srv/pg/bookings/restore", "overlap", "own"},
		{"superuser as application", "roles: [{name: clerk}]", "roles: [{name: §harbourmaster}]", "cannot be fenced", "own"},
		{"fenced and not", "roles: [{name: clerk}]", "roles: [{name: clerk}]\n    unfenced_roles: [§clerk]", "it is fenced", "remove"},
		{"nobody to fence", "roles: [{name: clerk}]", "roles: []", "is an empty list", "at least one"},
		{"no log", "tiers: [continuous, daily]", "tiers: [daily]", "cannot be recovered to a point in time", "add continuous"},
		{"expired before the next", "full_interval: 7d", "full_interval: 30d", "would expire before the next", "at least 30d"},
		{"negative increments", "max_increments: 12", "max_increments: §-1", "is negative", "or more"},
		{"no spool", "spool_max: 1GiB", "spool_max: §0B", "must be above zero", "size"},
		{"role of a check", "role: desk", "role: §dusk", `no role of this database "dusk"`, "did you mean desk?"},
		{"order of words", `{op: "=", value: "0"}, critical`, `{op: ">", value: §zero}, critical`, "cannot be ordered", "number"},
		{"ratio out of range", "max_p95_ratio: 3, max_replica_lag: 5s}\n    tables", "max_p95_ratio: §0.3, max_replica_lag: 5s}\n    tables", "out of range", "1.5"},
		{"settings of no endpoint", "endpoint: {kind: none}", "§endpoint: {kind: none, reader_entry: x}", "has no settings", "pgbouncer"},
		{"no regional replica", "    os_user: pg\n    hosts:\n      - {host: yard-2", "    os_user: pg\n    cross_region_replica: §true\n    hosts:\n      - {host: yard-2", "is in one region", "another region"},
		{"cache nowhere", `, address: "10.20.0.11:7000"`, "", "exactly one of address and sentinel", "sentinel"},
	}
}

func wrongPeople() []wrong {
	return []wrong{
		{"unknown person", "primary: officer-a", "primary: §officer-x", `no person "officer-x"`, "did you mean officer-a?"},
		{"one person twice", "backup: officer-b", "backup: §officer-a", "are one person", "another"},
		{"not an SSH key", "keys: [ssh-ed25519 ", "keys: [§ssh-ed25519 x", "is not an SSH public key", ".pub"},
		{"bad phone", "phone: +44 20 7946 0100", "phone: §call me", "is not a phone number", "country code"},
		{"nobody may", "  extend: [harbour-master]\n", "", "nobody may send extend", "add extend"},
		{"unknown role may", "extend: [harbour-master]", "extend: [§harbor-master]", `no role "harbor-master"`, "did you mean harbour-master?"},
		{"unreachable contact", "{name: data-authority, kind: regulator, email: notify@authority.example}", "§{name: data-authority, kind: regulator}", "cannot be reached", "email or phone"},
		{"contact and role", "{name: data-authority,", "{name: §engineer,", "engineer is also a role", "rename"},
		{"no group all", "  all: [harbour", "  some: [harbour", "the group all is missing", "add all"},
		{"group of groups", "groups:\n", "groups:\n  more: [§all]\n", "cannot hold the group all", "members"},
		{"unknown addressee", "notify: [harbour-office, engineer]", "notify: [§harbour-offices, engineer]", "no contact, group, role or person", "did you mean harbour-office?"},
		{"levels out of order", "after: 10m", "after: §5m", "is not later", "more than 5m"},
		{"levels miscounted", "{level: 2,", "{level: §3,", "count from 1", "write 2"},
		{"too short a silence", "    rollback_deadline: 30m\n", "    rollback_deadline: 30m\n    notice_dead_worker: §200ms\n", "would be noticed after 200ms", "1s to 5m"},
		{"half a login", "    username: env:SMTP_USER\n", "", "username and password go together", "give both"},
		{"password in the clear", "tls: starttls", "tls: §none", "would travel in plain text", "starttls"},
	}
}

func wrongRunbooks() []wrong {
	return []wrong{
		{"over the RTO", "budget: 10m", "budget: 16m", "the budgets sum to 31m, but service booking-desk must be back in 30m (priority P1)", "30m"},
		{"quorum of too many", "quorum: 3", "quorum: §5", "wants 5 approvals, but its roles are held by 4", "at most 4"},
		{"quorum of none", "quorum: 3", "quorum: §0", "must be 1 or more", "1 or more"},
		{"gate after nothing", "after: assessment", "after: §assesment", `no phase "assesment"`, "phase of this runbook"},
		{"gate of a mute role", "approve: [harbour-master, engineer]", "approve: [harbour-master]", "role engineer may not send approve", "authority.approve"},
		{"phase twice", "{name: preparation, title: Make room, budget", "{name: §assessment, title: Make room, budget", "is already runbooks[0].phases[0]", "rename"},
		{"half a deadline", "    at_deadline: rollback\n", "", "go together", "give both"},
		{"no attempts", "attempts: 1", "attempts: §0", "1 or more", "1 or more"},
		{"test of no runbook", "runbook: database-corruption}", "runbook: §database-corrupted}", "no runbook", "did you mean database-corruption?"},
		{"no service", "services: [booking-desk, invoicing]", "services: [booking-desk, §invoiced]", `no service "invoiced"`, "invoicing"},
	}
}

func wrongSecrets() []wrong {
	return []wrong{
		{"secret in plain text", "password: env:TERMINAL_PASSWORD", "password: §hunter2hunter2", "must not stand in the plan", "file:/path"},
		{"password in conn", "aside_port: 6102, workspace", "conn: §password=hunter2hunter2, aside_port: 6102, workspace", "secret in plain text", "file:/path"},
		{"secret in a URL", "https://objects.example.net", "§https://a:hunter2hunter2@objects.example.net", "secret in plain text", "change it now"},
		{"misspelt secret key", "secret_key: env:ANNEX_SECRET_KEY", "§secretkey: hunter2hunter2", "has no key secretkey", "did you mean secret_key?"},
		{"private key", "title: Customs archive", "title: §-----BEGIN OPENSSH PRIVATE KEY-----hunter2hunter2", "secret in plain text", "change it now"},
	}
}

// TestSecretsAreNotShown: a plan with a secret in it is refused without
// repeating the secret to terminal or log.
func TestSecretsAreNotShown(t *testing.T) {
	raw, err := os.ReadFile(shipped()["second"])
	require.NoError(t, err)
	for _, w := range wrongSecrets() {
		text := strings.Replace(strings.Replace(string(raw), w.old, w.new, 1), "§", "", 1)
		_, findings, err := plan.Parse("wrong.yaml", []byte(text))
		require.Error(t, err)
		var out bytes.Buffer
		require.NoError(t, findings.Render(&out, false))
		require.NotContains(t, out.String()+err.Error(), "hunter2", w.name)
	}
}

func TestFewerThanTwoStoresAndProviders(t *testing.T) {
	p, _ := load(t, shipped()["second"])
	p.Stores = p.Stores[:1]
	require.Contains(t, messages(p.Check(plan.ForReading)), "a backup in fewer than two places")
	p.Stores = append(p.Stores, plan.Store{Name: "other", Provider: plan.StoreGCS, Bucket: "other"})
	require.Contains(t, messages(p.Check(plan.ForReading)), "all stores are at one provider")
}

func messages(findings plan.Findings) string {
	var all []string
	for _, finding := range findings.Errors() {
		all = append(all, finding.Message)
	}
	return strings.Join(all, "\n")
}
