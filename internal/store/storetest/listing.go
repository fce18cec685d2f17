package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/terragonlabs/holdfast/internal/store"
)

// oddNames are below one prefix, in byte order. Wrong orders that servers are
// known for: directories first ("a-b", "a/c", "a0"), ignoring case, UTF-16
// (the last two), and XML or URL escapes taken apart.
func oddNames() []string {
	names := []string{
		"a-b", "a.b", "a/c", "a/d/e", "a0", "A", "a b", "x+y=z&q", "per%41cent", "less<more>", "quo'te\"", "semi;colon",
		"hash#", "question?", "at@", "tilde~", "comma,", "(paren)", "é.x", "é/è", "日本", "\uff5e", "\U0001f600",
	}
	slices.Sort(names)
	return names
}

func putNames(ctx context.Context, s store.Store, prefix string, names []string) ([]string, error) {
	made := make([]string, 0, len(names))
	for _, name := range names {
		if _, err := put(ctx, s, prefix+name, []byte(name)); err != nil {
			return nil, err
		}
		made = append(made, prefix+name)
	}
	slices.Sort(made)
	return made, nil
}

func listingOrder(ctx context.Context, target Target, prefix string) error {
	want, err := putNames(ctx, target.Store, prefix, oddNames())
	if err != nil {
		return err
	}
	plain, plainErr := keys(ctx, target.Store, prefix, store.ListOptions{})
	all, allErr := keys(ctx, target.Store, prefix, store.ListOptions{Versions: true})
	return errors.Join(plainErr, allErr,
		sameKeys("listed", plain, want),
		sameKeys("listed with versions", all, want),
	)
}

// sameKeys names the first key at which two listings part.
func sameKeys(what string, got, want []string) error {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Errorf("%s %d keys, %q is missing", what, len(got), want[i])
		case i >= len(want):
			return fmt.Errorf("%s %d keys, %q is too many", what, len(got), got[i])
		case got[i] != want[i]:
			return fmt.Errorf("%s %q where %q belongs", what, got[i], want[i])
		}
	}
	return nil
}

func listingAfter(ctx context.Context, target Target, prefix string) error {
	s := target.Store
	all, err := putNames(ctx, s, prefix, []string{"set-1/a", "set-1/b", "set-1/c", "set-10/a", "set-2", "set-2.x"})
	if err != nil {
		return err
	}
	cases := []struct {
		prefix, after string
		want          []string
	}{
		{"", "", all},
		{"", "set-1/b", []string{all[2], all[3], all[4], all[5]}},
		{"", "set-1/bb", []string{all[2], all[3], all[4], all[5]}}, // not itself a key
		{"", "set-1", all},
		{"", "set-2.x", nil},
		{"set-1/", "", all[:3]},
		{"set-1", "", all[:4]}, // a prefix may end inside a segment
		{"set-1/", "set-1/a", all[1:3]},
		{"set-10/", "set-1/a", all[3:4]},
		{"set-3", "", nil},
	}
	for _, c := range cases {
		for _, versions := range []bool{false, true} {
			opts := store.ListOptions{Versions: versions}
			if c.after != "" {
				opts.After = prefix + c.after
			}
			got, err := keys(ctx, s, prefix+c.prefix, opts)
			if err != nil {
				return err
			}
			what := fmt.Sprintf("prefix %q after %q (versions: %v): listed", c.prefix, c.after, versions)
			if err := sameKeys(what, got, c.want); err != nil {
				return err
			}
		}
	}
	return stopsEarly(ctx, s, prefix)
}

// stopsEarly shows that a caller may stop reading a listing.
func stopsEarly(ctx context.Context, s store.Store, prefix string) error {
	for _, err := range s.List(ctx, prefix, store.ListOptions{}) {
		return err
	}
	return errors.New("nothing listed")
}
