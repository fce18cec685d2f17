package main

import (
	"slices"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

func TestTaskQueues(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Sites: []plan.Site{{Name: "east", Hosts: []plan.Host{{Name: "db1"}}}}}
	for name, c := range map[string]struct {
		options runOptions
		want    []string
		field   string
	}{
		"control":        {options: runOptions{queues: []string{"control"}}, want: []string{"control"}},
		"host and site":  {options: runOptions{host: "db1", site: "east"}, want: []string{"host.db1", "site.east"}},
		"each once":      {options: runOptions{host: "db1", queues: []string{"host.db1", "control"}}, want: []string{"control", "host.db1"}},
		"nothing":        {field: "queues: no task queue to poll"},
		"empty name":     {options: runOptions{queues: []string{"", "control"}}, field: "queues: no task queue to poll"},
		"no private key": {options: runOptions{queues: []string{"keys"}}, field: "key-holder: is needed to answer on the queue keys"},
		"mistyped host":  {options: runOptions{host: "db11"}, field: `host: the plan has no host "db11"`},
		"mistyped site":  {options: runOptions{site: "west"}, field: `site: the plan has no site "west"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := taskQueues(p, c.options)
			if c.field != "" {
				if !failure.Is(err, failure.InvalidInput) || err.Error() != c.field || failure.HintOf(err) == "" {
					t.Fatalf("got %v (hint %q), want %q", err, failure.HintOf(err), c.field)
				}
				return
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}
