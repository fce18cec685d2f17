package recovery_test

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// TestVouch plays what two stores may say about the token a run shows: bob's, number 3.
func TestVouch(t *testing.T) {
	t.Parallel()
	bob := record(3, "bob", 9)
	released, yielded := bob, record(2, "bob", 9)
	released.Released = at(1)
	yielded.Released, yielded.Yielded = at(1), true
	ann, gone := record(2, "ann", 9), record(2, "ann", 9)
	gone.Released = at(1)
	early := record(1, "bob", 9)
	given, yieldedFirst := early, early
	yieldedFirst.Released, yieldedFirst.Yielded = at(1), true
	given.Released = at(1)
	cases := map[string]struct {
		views []recovery.LeaseView
		token uint64
		class failure.Class
		says  string
	}{
		"both know it":                      {views: []recovery.LeaseView{view("s3", 1, ann, bob), view("gcs", 1, ann, bob)}, token: 3},
		"run out, and nobody took it":       {views: []recovery.LeaseView{view("s3", 99, bob), view("gcs", 99, bob)}, token: 3},
		"one is down, the other knows":      {views: []recovery.LeaseView{silent("s3"), view("gcs", 1, bob)}, token: 3},
		"one has not heard of it":           {views: []recovery.LeaseView{view("s3", 1, ann), view("gcs", 1, bob)}, token: 3},
		"it yielded before":                 {views: []recovery.LeaseView{view("s3", 1, yielded, bob), view("gcs", 1, yielded, bob)}, token: 3},
		"it yielded, to one that has ended": {views: []recovery.LeaseView{view("s3", 1, yieldedFirst, gone, bob), view("gcs", 1, yieldedFirst, gone, bob)}, token: 3},
		"its own half claim, completed":     {views: []recovery.LeaseView{view("s3", 1, record(2, "bob", 2), bob), view("gcs", 1, bob)}, token: 3},
		"no lease, nobody else's":           {views: []recovery.LeaseView{view("s3", 1, gone), view("gcs", 1)}},
		"a rival lost in one of three":      {views: []recovery.LeaseView{view("a", 1, record(3, "ann", 9)), view("b", 1, bob), view("c", 1, bob)}, token: 3},
		"the rival won in two of three":     {views: []recovery.LeaseView{view("a", 1, record(3, "ann", 9)), view("b", 1, bob), view("c", 1, record(3, "ann", 9))}, token: 3, class: failure.Unsafe, says: `that of "ann"`},
		"either may have won":               {views: []recovery.LeaseView{view("a", 1, record(3, "ann", 9)), view("b", 1, bob), silent("c")}, token: 3, class: failure.Unavailable, says: "does not show whether"},
		"it lost before, and has not acted": {views: []recovery.LeaseView{view("a", 1, early, ann, bob), view("b", 1, record(1, "cas", 9), ann, bob), view("c", 1, record(1, "cas", 9), ann, bob)}, token: 3},
		"it won before, and it passed on":   {views: []recovery.LeaseView{view("a", 1, record(1, "cas", 9), ann, bob), view("b", 1, early, ann, bob), view("c", 1, early, ann, bob)}, token: 3, class: failure.Unsafe, says: `passed on to "ann"`},
		"down, the other knows nothing":     {views: []recovery.LeaseView{silent("s3"), view("gcs", 1, ann)}, token: 3, class: failure.Unavailable, says: "does not show whether"},
		"both are down":                     {views: []recovery.LeaseView{silent("s3"), silent("gcs")}, token: 3, class: failure.Unavailable, says: "does not show whether"},
		"there are none":                    {token: 3, class: failure.Unavailable, says: "does not show whether"},
		"no lease, and one is down":         {views: []recovery.LeaseView{silent("s3"), view("gcs", 1)}, class: failure.Unavailable, says: "does not show whether"},
		"a token nobody took":               {views: []recovery.LeaseView{view("s3", 1, bob), view("gcs", 1, bob)}, token: 1 << 40, class: failure.Unsafe, says: "nobody took it"},
		"passed on":                         {views: []recovery.LeaseView{view("s3", 1, bob, record(4, "cas", 9)), view("gcs", 1, bob)}, token: 3, class: failure.Unsafe, says: "passed on: store s3"},
		"passed on, says the other":         {views: []recovery.LeaseView{view("s3", 1, bob), view("gcs", 1, record(4, "cas", 2))}, token: 3, class: failure.Unsafe, says: "passed on: store gcs"},
		"passed on, half written":           {views: []recovery.LeaseView{silent("s3"), view("gcs", 1, bob, record(4, "cas", 9))}, token: 3, class: failure.Unsafe, says: "passed on"},
		"they disagree on whose it is":      {views: []recovery.LeaseView{view("s3", 1, bob), view("gcs", 1, record(3, "ann", 9))}, token: 3, class: failure.Unsafe, says: `that of "ann"`},
		"another run's":                     {views: []recovery.LeaseView{silent("s3"), view("gcs", 1, record(3, "ann", 9))}, token: 3, class: failure.Unsafe, says: `that of "ann"`},
		"given back":                        {views: []recovery.LeaseView{view("s3", 1, bob), view("gcs", 1, released)}, token: 3, class: failure.Unsafe, says: "gave the lease back"},
		"given back, and taken once more":   {views: []recovery.LeaseView{view("s3", 1, given, bob), view("gcs", 1, given, bob)}, token: 3, class: failure.Unsafe, says: "gave the lease back"},
		"given back before, says one":       {views: []recovery.LeaseView{view("s3", 1, given), view("gcs", 1, bob)}, token: 3, class: failure.Unsafe, says: "gave the lease back"},
		"taken again after somebody else":   {views: []recovery.LeaseView{view("s3", 1, early, ann, bob), view("gcs", 1, early, ann, bob)}, token: 3, class: failure.Unsafe, says: `passed on to "ann"`},
		"taken again, each store half":      {views: []recovery.LeaseView{view("s3", 1, early), view("gcs", 1, ann, bob)}, token: 3, class: failure.Unsafe, says: `passed on to "ann"`},
		"no lease, and somebody has it":     {views: []recovery.LeaseView{view("s3", 1, ann), view("gcs", 1)}, class: failure.Unsafe, says: "holds no lease"},
		"no lease, and somebody, half down": {views: []recovery.LeaseView{silent("s3"), view("gcs", 1, ann)}, class: failure.Unsafe, says: "holds no lease"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := recovery.Ballot{Views: c.views}.Vouch("bob", c.token)
			if c.class == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			expect(t, err, c.class, c.says)
			if failure.HintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
		})
	}
}
