package warrant_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

func signer(t testing.TB, person string) ssh.Signer {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, person)
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	return s
}

// thePlan has a commander (ann, backup bob), a lead (cas) and an observer (eve).
func thePlan(t testing.TB) *plan.Plan {
	t.Helper()
	p, _, err := plan.Load("../plan/testdata/second.yaml")
	require.NoError(t, err)
	p.Team = plan.Team{Roles: []plan.Role{{Name: "commander", Primary: "ann", Backup: "bob"}, {Name: "lead", Primary: "cas"}, {Name: "observer", Primary: "eve"}}}
	p.Authority = map[plan.Message][]string{plan.Declare: {"commander"}, plan.Approve: {"commander", "lead", "observer"}, plan.Commit: {"commander", "lead"}}
	p.Runbooks = []plan.Runbook{{Scenario: "database-corruption", Gates: []plan.Gate{
		{Name: "restore", Roles: []string{"commander"}, Quorum: 1},
		{Name: "cut-over", Roles: []string{"commander", "lead"}, Quorum: 2},
	}}}
	for _, id := range []string{"ann", "bob", "cas", "eve"} {
		p.Team.People = append(p.Team.People, plan.Person{ID: id, Keys: []string{string(ssh.MarshalAuthorizedKey(signer(t, id).PublicKey()))}})
	}
	return p
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for name, c := range cases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := thePlan(t)
			story := warranttest.Story{
				Plan: p, Signer: func(person string) ssh.Signer { return signer(t, person) },
				Run: "recover/house/run-1", Incident: "INC-1", Target: "db1, system 7001", Gate: "cut-over",
				Declarer: "ann", Approvers: []string{"bob", "cas"}, Issued: time.Now(),
			}
			need := warrant.Need{
				Run: story.Run, Service: "house", Database: "ledger", Target: story.Target,
				Gate: &warrant.Gate{Scenario: "database-corruption", Name: "cut-over"},
			}
			if c.story != nil {
				c.story(&story)
			}
			w := story.Warrant(t)
			if c.change != nil {
				c.change(&w)
			}
			if c.need != nil {
				c.need(&need)
			}
			verdict, err := warrant.Verify(&w, p, need, time.Now())
			if c.class == "" {
				require.NoError(t, err)
				require.NotEmpty(t, verdict.Proofs)
				require.WithinDuration(t, story.Issued.Add(time.Hour), verdict.Expires, time.Second)
				return
			}
			require.Equal(t, c.class, failure.ClassOf(err), "%v", err)
			require.ErrorContains(t, err, c.says)
		})
	}
}

type verifyCase struct {
	story  func(*warranttest.Story)
	change func(*warrant.Warrant)
	need   func(*warrant.Need)
	class  failure.Class
	says   string
}

func alter(s *approval.Signed, from, to string) { s.Payload = strings.Replace(s.Payload, from, to, 1) }

func cases() map[string]verifyCase {
	none := func(*warrant.Warrant) {}
	return map[string]verifyCase{
		"all is well":      {change: none},
		"only declared":    {change: func(w *warrant.Warrant) { w.Gate = nil }, need: func(n *warrant.Need) { n.Gate = nil }},
		"before the run":   {story: func(s *warranttest.Story) { s.Beforehand = true; s.Service, s.Database = "house", "ledger" }},
		"expired":          {story: func(s *warranttest.Story) { s.Issued = s.Issued.Add(-3 * time.Hour) }}, // the caller judges that
		"no declaration":   {change: func(w *warrant.Warrant) { *w = warrant.Warrant{} }, class: failure.Forbidden, says: "0 messages"},
		"no approval":      {change: func(w *warrant.Warrant) { w.Gate = nil }, class: failure.Forbidden, says: "shows no approval of gate"},
		"altered":          {change: func(w *warrant.Warrant) { alter(&w.Gate.Messages[0], "db1", "db2") }, class: failure.Forbidden, says: "signature"},
		"altered declared": {change: func(w *warrant.Warrant) { alter(&w.Declaration.Messages[0], "INC-1", "INC-2") }, class: failure.Forbidden, says: "signature"},
		"not canonical":    {change: func(w *warrant.Warrant) { w.Gate.Messages[0].Payload += " " }, class: failure.Forbidden, says: "canonical"},
		"another target":   {need: func(n *warrant.Need) { n.Target = "db1, system 7002" }, class: failure.IdentityMismatch, says: "signed for target"},
		"another run":      {need: func(n *warrant.Need) { n.Run = "recover/house/run-2" }, class: failure.IdentityMismatch, says: "signed for run"},
		"another plan":     {story: func(s *warranttest.Story) { s.PlanHash = "abc" }, class: failure.IdentityMismatch, says: "signed for plan"},
		"another gate":     {story: func(s *warranttest.Story) { s.Gate = "restore" }, class: failure.Refused, says: "another question"},
		"another number":   {change: func(w *warrant.Warrant) { w.Gate.Number++ }, class: failure.Refused, says: "another question"},
		"one short":        {change: func(w *warrant.Warrant) { w.Gate.Messages = w.Gate.Messages[:1] }, class: failure.Refused, says: "1 people approved"},
		"one twice":        {change: func(w *warrant.Warrant) { w.Gate.Messages[1] = w.Gate.Messages[0] }, class: failure.Refused, says: "1 people approved"},
		"the declarer":     {story: func(s *warranttest.Story) { s.Approvers = []string{"ann", "cas"} }, class: failure.Refused, says: "asked for this run"},
		"the requester":    {change: func(w *warrant.Warrant) { w.Requester = "cas" }, class: failure.Refused, says: "asked for this run"},
		"no role of it":    {story: func(s *warranttest.Story) { s.Approvers = []string{"bob", "eve"} }, class: failure.Refused, says: "no role of the gate"},
		"may not declare":  {story: func(s *warranttest.Story) { s.Declarer = "cas" }, class: failure.Refused, says: "no role that may declare"},
		"not of the plan":  {story: func(s *warranttest.Story) { s.Approvers = []string{"bob", "mallory"} }, class: failure.Forbidden, says: "no key"},
		"from the future":  {story: func(s *warranttest.Story) { s.Issued = s.Issued.Add(time.Hour) }, class: failure.Refused, says: "in the future"},
		"another's lease":  {change: func(w *warrant.Warrant) { w.Holder = "recover/house/run-2" }, class: failure.IdentityMismatch, says: "the lease shown"},
		"committed":        {story: committedBy("cas"), need: commits},
		"not committed":    {need: commits, class: failure.Forbidden, says: "not decided"},
		"may not commit":   {story: committedBy("eve"), need: commits, class: failure.Refused, says: "no role that may commit"},
		"by nobody":        {story: committedBy("cas"), change: unsigned, need: commits, class: failure.Forbidden, says: "nobody signed it"},
		"by nobody, twice": {story: committedBy("cas"), change: doubled, need: commits, class: failure.Forbidden, says: "2 messages"},
		"altered commit":   {story: committedBy("cas"), change: func(w *warrant.Warrant) { alter(&w.Commit.Messages[0], "db1", "db2") }, need: commits, class: failure.Forbidden, says: "signature"},
		"an approval as commit": {
			story: committedBy("cas"), change: func(w *warrant.Warrant) { w.Commit.Messages[0] = w.Gate.Messages[0] }, need: commits, class: failure.Forbidden, says: "signed to approve",
		},
		"another question's commit": {
			story: committedBy("cas"), change: func(w *warrant.Warrant) { w.Commit.Number++ }, need: commits, class: failure.Refused, says: "another question",
		},
		"a declaration as approval": {
			change: func(w *warrant.Warrant) { w.Gate.Messages[0] = w.Declaration.Messages[0] }, class: failure.Forbidden, says: "signed to declare",
		},
		"beforehand, for another database": {
			story: func(s *warranttest.Story) { s.Beforehand = true; s.Service, s.Database = "house", "other" }, class: failure.IdentityMismatch, says: "signed for database",
		},
		"beforehand, another text": {
			story: func(s *warranttest.Story) { s.Beforehand = true; s.Service, s.Database = "house", "other" },
			change: func(w *warrant.Warrant) {
				w.Declaration.Choice = strings.Replace(w.Declaration.Choice, "other", "ledger", 1)
			},
			class: failure.Forbidden, says: "occasion",
		},
	}
}

func committedBy(person string) func(*warranttest.Story) {
	return func(s *warranttest.Story) { s.Committer = person }
}

func commits(n *warrant.Need) { n.Commit = true }

func unsigned(w *warrant.Warrant) { w.Commit.Messages = nil }

func doubled(w *warrant.Warrant) { w.Commit.Messages = append(w.Commit.Messages, w.Commit.Messages...) }

// TestCommitAtTheDeadline: nobody signs what the plan decides.
func TestCommitAtTheDeadline(t *testing.T) {
	t.Parallel()
	p := thePlan(t)
	p.Runbooks[0].AtDeadline = plan.DeadlineCommit
	story := warranttest.Story{
		Plan: p, Signer: func(person string) ssh.Signer { return signer(t, person) }, Run: "recover/house/run-1", Incident: "INC-1",
		Target: "db1", Declarer: "ann", Committer: "cas", Issued: time.Now(),
	}
	w := story.Warrant(t)
	unsigned(&w)
	need := warrant.Need{Run: story.Run, Service: "house", Database: "ledger", Commit: true}
	_, err := warrant.Verify(&w, p, need, time.Now())
	require.Equal(t, failure.Internal, failure.ClassOf(err), "which runbook is meant is not said")
	need.Gate = &warrant.Gate{Scenario: "database-corruption", Name: "cut-over"}
	_, err = warrant.Verify(&w, p, need, time.Now())
	require.ErrorContains(t, err, "shows no approval of gate")
	story.Gate, story.Approvers = "cut-over", []string{"bob", "cas"}
	w = story.Warrant(t)
	unsigned(&w)
	_, err = warrant.Verify(&w, p, need, time.Now())
	require.NoError(t, err)
}

func TestNoWarrantAtAll(t *testing.T) {
	t.Parallel()
	_, err := warrant.Verify(nil, thePlan(t), warrant.Need{Run: "recover/house/run-1"}, time.Now())
	require.Equal(t, failure.Forbidden, failure.ClassOf(err))
	require.NotEmpty(t, failure.HintOf(err))
}
