package storetest

import (
	"context"
	"errors"
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
		expect(slices.Equal(plain, want), "listed %q, want %q", plain, want),
		expect(slices.Equal(all, want), "with versions listed %q, want %q", all, want),
	)
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
			if err := expect(slices.Equal(got, c.want), "prefix %q after %q (versions: %v): listed %q, want %q", c.prefix, c.after, versions, got, c.want); err != nil {
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
