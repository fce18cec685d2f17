//go:build chaos

package chaos_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// TestOneStoreLiesInARecovery: every part and every segment in one store is
// damaged. The recovery ends as it would have, and its report names the store.
func TestOneStoreLiesInARecovery(t *testing.T) {
	b := shared(t)
	must(t, b.write(3))
	must(t, b.switchWAL())
	b.requireRepaired(t)
	c := b.copies(t)
	name := c.stores[liar].Name()
	root := "v1/" + b.Stack.Database().Name + "/"
	keys := slices.Concat(c.keys(liar, root+"sets/", "/parts/"), c.keys(liar, root+"wal/", "-"))
	keys = slices.DeleteFunc(keys, func(key string) bool { return strings.Contains(key, "/tail/") || strings.HasSuffix(key, ".clear") })
	for _, key := range keys {
		defer b.rot(t, key)()
	}
	run := b.damaged(t, scenario.Delete)
	people := &steadfast{bed: b, t: t}
	b.follow(t, people)
	result, found := run.require(t, b)
	named := 0
	for _, repair := range found.Input.Repairs {
		if strings.Contains(repair.Detail, name) {
			named++
		}
	}
	if named == 0 || !strings.Contains(string(found.Markdown), name) {
		t.Errorf("the report names %d repairs of what store %s held: %+v", named, name, found.Input.Repairs)
	}
	told(t, lyingInARun, fmt.Sprintf("%d objects were damaged in store %s; what was needed was taken from the other one: %s", len(keys), name, brief(result, people)),
		fmt.Sprintf("the report names %d repairs; 0 rows acknowledged before the damage are gone", named))
}
