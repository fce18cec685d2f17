package routing

import (
	"context"
	"encoding/json"
	"net/url"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

const maxBeforeBytes = 64 << 10

// before is where readers were sent before a run moved them first.
type before struct {
	Run  string `json:"run"`
	From Server `json:"from"`
}

// requireKnown refuses a server that this host has no reason to send readers to: with
// them go their queries, and what they log in with. Where they are sent now is written
// down first, once for each run, so that they can be sent back to what no plan names.
//
// A record of an undo that names no run was made before runs were named: only a person
// on this host gets so far with it, and was shown where it leads.
func (a *Activities) requireKnown(ctx context.Context, r route, in Redirection) error {
	if in.Run == "" {
		return nil
	}
	first, err := a.remember(ctx, r, in.Run)
	if err != nil {
		return err
	}
	if in.To == first.From || a.planned(r, in.To) {
		return nil
	}
	return failure.New(failure.Refused, "%s is no server of database %s in this host's plan, and readers were sent to %s before", in.To, r.database.Name, first.From).
		WithHint("look where readers are sent: starter plan check --live; if the plan lacks a server, add it under databases.hosts")
}

// planned reports whether the plan has a server of the database at to.
func (a *Activities) planned(r route, to Server) bool {
	places := a.Plan.HostPlaces()
	for _, host := range r.database.Hosts {
		if place, known := places[host.Host]; known && to == (Server{Address: place.Address, Port: host.Port}) {
			return true
		}
	}
	return false
}

// remember returns where readers were before run, and writes it down when run is new
// here. It is read from the endpoint before the run changes anything there, so a
// process that dies in between reads it again.
func (a *Activities) remember(ctx context.Context, r route, run string) (before, error) {
	path := filepath.Join(a.StateDir, "route", url.PathEscape(r.database.Name)+".json")
	known, err := readBefore(path)
	if err != nil || known.Run == run {
		return known, err
	}
	now, err := r.current(ctx)
	if err != nil {
		return before{}, err
	}
	text, err := json.Marshal(before{Run: run, From: now})
	if err != nil {
		return before{}, failure.Wrap(failure.Internal, err, "encode where readers of %s are sent", r.database.Name)
	}
	owner, err := pg.OwnerOf(a.StateDir)
	if err != nil { // it is root's
		owner = pg.Owner{}
	}
	if err := owner.MkdirAll(filepath.Dir(path)); err != nil {
		return before{}, err
	}
	return before{Run: run, From: now}, owner.WriteFile(path, append(text, '\n'), 0o600)
}

func readBefore(path string) (before, error) {
	text, err := pg.ReadSmall(path, maxBeforeBytes)
	if failure.Is(err, failure.NotFound) {
		return before{}, nil
	}
	if err != nil {
		return before{}, err
	}
	var known before
	err = json.Unmarshal(text, &known)
	return known, failure.Wrap(failure.Corrupt, err, "read %s, which says where readers were sent before a run", path)
}
