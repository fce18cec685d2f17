package warrant_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

// FuzzVerify: a warrant comes from whoever may order work. It is obeyed only on what
// people signed for this very run, target and gate, in the number the plan asks for.
func FuzzVerify(f *testing.F) {
	p := thePlan(f)
	issued := time.Now()
	story := warranttest.Story{
		Plan: p, Signer: func(person string) ssh.Signer { return signer(f, person) },
		Run: "recover/house/run-1", Incident: "INC-1", Target: "db1, system 7001", Gate: "cut-over",
		Declarer: "ann", Approvers: []string{"bob", "cas"}, Issued: issued,
	}
	need := warrant.Need{
		Run: story.Run, Service: "house", Database: "ledger", Target: story.Target,
		Gate: &warrant.Gate{Scenario: "database-corruption", Name: "cut-over"},
	}
	signed := seedStories(f, story)
	f.Fuzz(func(t *testing.T, text []byte) {
		var w warrant.Warrant
		if json.Unmarshal(text, &w) != nil {
			return
		}
		verdict, err := warrant.Verify(&w, p, need, issued)
		if err != nil {
			return
		}
		require.NotNil(t, w.Gate)
		require.NotEmpty(t, verdict.Proofs)
		people := map[string]bool{}
		for _, s := range slices.Concat(w.Declaration.Messages, w.Gate.Messages) {
			require.True(t, signed[s.Payload], "nobody signed %s", s.Payload)
		}
		for _, s := range w.Gate.Messages {
			m, err := approval.Decode(s.Payload)
			require.NoError(t, err)
			require.Equal(t, story.Target, m.Target)
			require.Equal(t, "run-1", m.FirstRunID)
			people[m.Person] = true
		}
		require.GreaterOrEqual(t, len(people), 2)
		require.False(t, people["ann"], "the declarer approved")
	})
}

// seedStories adds the warrant that is good, and those of other runs, targets, gates and
// people, which are signed as well. It returns everything that was signed.
func seedStories(f *testing.F, story warranttest.Story) map[string]bool {
	f.Helper()
	signed := map[string]bool{}
	for _, change := range []func(*warranttest.Story){
		func(*warranttest.Story) {},
		func(s *warranttest.Story) { s.Run = "recover/house/run-2" },
		func(s *warranttest.Story) { s.Target = "db2, system 7002" },
		func(s *warranttest.Story) { s.Gate = "restore" },
		func(s *warranttest.Story) { s.Approvers = []string{"ann", "cas"} },
		func(s *warranttest.Story) { s.Beforehand, s.Service, s.Database = true, "house", "ledger" },
	} {
		other := story
		change(&other)
		w := other.Warrant(f)
		for _, s := range slices.Concat(w.Declaration.Messages, w.Gate.Messages) {
			signed[s.Payload] = true
		}
		text, err := json.Marshal(w)
		require.NoError(f, err)
		f.Add(text)
	}
	return signed
}
