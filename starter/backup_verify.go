package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

// verification are the flags of `backup verify`.
type verification struct {
	database, set         string
	all, deep, attributes bool
	key                   keyFlags
}

func (a *app) backupVerify() *cobra.Command {
	var v verification
	command := &cobra.Command{
		Use:   "verify",
		Short: "Read sets back from every store and check them",
		Long: `Reads every object of a set from every store that should hold it and compares
its SHA-256 with the signed descriptor. That needs no private key and runs
anywhere.

With --deep everything is also decrypted and each slice hashed against the
manifest, which needs a recipient's private key. With --attributes-only the
stores are only asked for sizes, versions and recorded digests: quick, and no
proof that the bytes can be read.

Exit status 8 (Corrupt) means that something is damaged or missing; the table
says what, and in which store.`,
		Example: `  starter backup verify --database research --all
  starter backup verify --database research --set 20260301T001122Z-f-0a1b2c3d --deep --key recipient.asc`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verifyBackups(cmd.Context(), v) },
	}
	flags := command.Flags()
	flags.StringVar(&v.database, "database", "", "database, as the plan names it")
	flags.StringVar(&v.set, "set", "", "the set to verify")
	flags.BoolVar(&v.all, "all", false, "verify every set (the default without --set)")
	flags.BoolVar(&v.deep, "deep", false, "decrypt, and check every slice too; needs --key")
	flags.BoolVar(&v.attributes, "attributes-only", false, "only ask the stores, read nothing")
	v.key.bind(flags, "for --deep")
	command.MarkFlagsMutuallyExclusive("set", "all")
	command.MarkFlagsMutuallyExclusive("deep", "attributes-only")
	return command
}

// verified is one set of `backup verify -o json`.
type verified struct {
	Set          archive.SetID `json:"set"`
	Depth        string        `json:"depth"`
	Sound        bool          `json:"sound"`
	Objects      int64         `json:"objects"` // counted once for each store
	ReadBytes    int64         `json:"read_bytes"`
	Slices       int64         `json:"slices,omitempty"`
	SourceDamage bool          `json:"source_damage"` // the database itself held bad pages
	Problems     []foundBad    `json:"problems"`
	Anomalies    []string      `json:"anomalies"`
}

// foundBad is one object in one store that is not as it should be.
type foundBad struct {
	Store  string        `json:"store,omitempty"`
	Object string        `json:"object"`
	Class  failure.Class `json:"class"`
	Detail string        `json:"detail"`
}

func (v verification) depth() archive.Depth {
	switch {
	case v.deep:
		return archive.Deep
	case v.attributes:
		return archive.AttributesOnly
	}
	return archive.FullRead
}

func depthText(depth archive.Depth) string {
	switch depth {
	case archive.AttributesOnly:
		return "attributes"
	case archive.FullRead:
		return "read"
	case archive.Deep:
		return "deep"
	}
	return "unknown"
}

func (a *app) verifyBackups(ctx context.Context, v verification) error {
	var keys keyring.KeySource
	if v.deep {
		var err error
		if keys, err = v.key.holder(); err != nil {
			return err
		}
	}
	s, err := a.openShelf(ctx, v.database)
	if err != nil {
		return err
	}
	sets, err := v.sets(ctx, s)
	if err != nil {
		return s.done(err)
	}
	results := make([]verified, 0, len(sets))
	for _, id := range sets {
		bar := a.progress("verify " + string(id))
		result, err := archive.Verify(ctx, archive.VerifyConfig{
			Stores: s.stores, Source: s.database.Name, SetID: id, Trusted: s.trust, Depth: v.depth(), Keys: keys, Progress: bar.archive,
		})
		bar.end()
		if err != nil {
			return s.done(failure.Wrap(failure.ClassOf(err), err, "verify set %s", id))
		}
		results = append(results, verifiedOf(result))
	}
	if err := a.print(results, func(w *tabwriter.Writer) { a.showVerified(w, results) }); err != nil {
		return s.done(err)
	}
	return s.done(verdictOf(results))
}

// sets are the ones to verify. Without any, nothing can be said to be fine.
func (v verification) sets(ctx context.Context, s shelf) ([]archive.SetID, error) {
	if v.set != "" {
		id, err := archive.ParseSetID(v.set)
		return []archive.SetID{id}, err
	}
	listing, err := archive.List(ctx, s.stores, s.database.Name, s.trust)
	if err != nil {
		return nil, err
	}
	var ids []archive.SetID
	for _, set := range listing.Sets {
		ids = append(ids, set.Descriptor.Set)
	}
	for name, err := range listing.Unreachable {
		return nil, failure.Wrap(failure.ClassOf(err), err, "store %s does not answer: what it holds cannot be verified", name)
	}
	if len(ids) == 0 {
		return nil, failure.New(failure.NotFound, "no set of database %s is in any store", s.database.Name).
			WithHint("starter backup create --database %s --host HOST", s.database.Name)
	}
	return ids, nil
}

func verifiedOf(found archive.Verification) verified {
	out := verified{
		Set: found.Set, Depth: depthText(found.Depth), Sound: found.Sound(), Objects: found.Objects, ReadBytes: found.ReadBytes,
		Slices: found.Slices, SourceDamage: found.SourceDamage, Problems: []foundBad{}, Anomalies: []string{},
	}
	for _, one := range found.Findings {
		out.Problems = append(out.Problems, foundBad{Store: one.Store, Object: one.Object, Class: one.Class, Detail: one.Detail})
	}
	for _, one := range found.Anomalies {
		out.Anomalies = append(out.Anomalies, anomalyText(one))
	}
	return out
}

func (a *app) showVerified(w *tabwriter.Writer, results []verified) {
	fmt.Fprintln(w, "SET\tVERDICT\tDEPTH\tOBJECTS\tREAD\tPROBLEMS")
	for _, one := range results {
		verdict := a.color(green, "sound")
		if !one.Sound {
			verdict = a.color(red, "not sound")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\n", one.Set, verdict, one.Depth, one.Objects, bytesText(one.ReadBytes), len(one.Problems))
	}
	for _, one := range results {
		for _, bad := range one.Problems {
			fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\n", a.color(red, "✗"), bad.Class, bad.Store, bad.Object, bad.Detail)
		}
		for _, anomaly := range one.Anomalies {
			fmt.Fprintf(w, "%s %s\n", a.color(yellow, "!"), anomaly)
		}
		if one.SourceDamage {
			fmt.Fprintf(w, "%s set %s: the database itself held bad pages when it was made\n", a.color(yellow, "!"), one.Set)
		}
	}
}

// verdictOf is the error that the exit status is made from: damage first, then
// whatever else is not sound.
func verdictOf(results []verified) error {
	var worst error
	for _, one := range results {
		for _, bad := range one.Problems {
			class := bad.Class
			if class == failure.NotFound { // a set that lacks a part is as useless as a damaged one
				class = failure.Corrupt
			}
			err := failure.New(class, "set %s: %s in store %s: %s", one.Set, bad.Object, bad.Store, bad.Detail).
				WithHint("another store's copy is used by restores; starter backup create --full makes a new set")
			if class == failure.Corrupt {
				return err
			}
			worst = err
		}
		for _, anomaly := range one.Anomalies {
			if worst == nil {
				worst = failure.New(failure.CheckFailed, "%s", anomaly).WithHint("starter backup list shows all that is odd")
			}
		}
		if worst == nil && !one.Sound {
			worst = failure.New(failure.CheckFailed, "set %s is not sound", one.Set).WithHint("starter backup verify --set %s -o json", one.Set)
		}
	}
	return worst
}
