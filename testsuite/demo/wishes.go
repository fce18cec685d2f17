package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

// observation is how long the demo watches the recovered database.
const observation = 5 * time.Second

// wish is what the environment asks for.
type wish struct {
	keep, sign bool // sign: a person approves
	damage     scenario.Kind
	options    scenario.Options
}

// wishes reads the environment.
func wishes(env func(string) string) (wish, error) {
	w := wish{keep: env("KEEP") != "" && env("KEEP") != "0"}
	var err error
	if w.damage, err = scenario.ParseKind(env("DAMAGE")); err != nil {
		return w, err
	}
	switch env("APPROVE") {
	case "":
	case "me":
		w.sign = true
	default:
		return w, failure.Invalid("APPROVE", "%.40q is neither empty nor me", env("APPROVE")).WithHint("make demo APPROVE=me, and sign the gates yourself")
	}
	w.options = scenario.Options{PlanFile: orElse(env("PLAN"), "deploy/plans/ai-scientist.yaml"), Observation: observation, BinDir: built()}
	switch env("SIZE") {
	case "", "large":
		w.options.Size = dataset.Large()
	case "small":
		w.options.Size = dataset.Small()
	default:
		return w, failure.Invalid("SIZE", "%.40q is neither large nor small", env("SIZE")).WithHint("make demo SIZE=small")
	}
	return w, nil
}

// built is where make build put the programs; "" where it was not run.
func built() string {
	for _, name := range []string{"worker", "starter", "wal"} {
		if _, err := os.Stat(filepath.Join("bin", name)); err != nil {
			return ""
		}
	}
	return "bin"
}

func orElse(value, other string) string {
	if value == "" {
		return other
	}
	return value
}
