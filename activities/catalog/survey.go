package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// maxAnomalies bounds what a hostile store can make a survey hold.
const maxAnomalies = 50

// Shelves are the stores of one source and whose signatures to believe there.
type Shelves struct {
	Stores []store.Store
	Trust  keyring.Trust
	Source string // the database's name in the plan
}

// Survey is everything the stores hold that recovery can use.
type Survey struct {
	Sets       []recovery.SetSummary
	WAL        recovery.WALInventory
	Heartbeats []recovery.Heartbeat
	Anomalies  []string
	Unanswered []Unanswered // stores that did not answer, by name; what they hold is not known
}

// Take surveys the stores for the cluster with the given system identifier.
// A store that does not answer is named; when none answers it is an error.
func Take(ctx context.Context, s Shelves, system wal.SystemID) (Survey, error) {
	var survey Survey
	listing, err := archive.List(ctx, s.Stores, s.Source, s.Trust)
	if err != nil {
		return survey, err
	}
	for _, set := range listing.Sets {
		if summary, isPostgres := Summarize(set); isPostgres {
			survey.Sets = append(survey.Sets, summary)
		}
	}
	survey.addListing(listing)
	size := segmentSize(listing, system)
	inventory, err := walship.TakeInventory(ctx, walship.Cluster{Source: s.Source, SystemID: system, SegmentSize: size, Stores: s.Stores})
	if err != nil {
		return survey, err
	}
	survey.addInventory(inventory)
	beats, damaged, err := walship.ReadHeartbeats(ctx, s.Stores, s.Source, oldest(survey.Sets))
	if err != nil {
		return survey, err
	}
	for _, one := range damaged {
		survey.note("heartbeats: %s in store %s: %s %s", one.Kind, one.Store, one.Key, one.Detail)
	}
	for _, beat := range beats {
		if beat.SystemID == system {
			survey.Heartbeats = append(survey.Heartbeats, heartbeatOf(beat))
		}
	}
	return survey, nil
}

// cutAt forgets heartbeats after the fence: they go on while the application
// does not, and would count as work lost.
func (s *Survey) cutAt(fenced time.Time) {
	if fenced.IsZero() {
		return
	}
	s.Heartbeats = slices.DeleteFunc(s.Heartbeats, func(beat recovery.Heartbeat) bool { return beat.At.After(fenced) })
}

// NewestBeat returns the heartbeat acknowledged last, nil when there is none.
func (s Survey) NewestBeat() *recovery.Heartbeat {
	if len(s.Heartbeats) == 0 {
		return nil
	}
	return &s.Heartbeats[len(s.Heartbeats)-1]
}

// Summarize returns what recovery decisions need of a set; false when it is not
// a PostgreSQL base backup.
func Summarize(set archive.Set) (recovery.SetSummary, bool) {
	d := set.Descriptor
	p := d.Attributes.Postgres
	if p == nil {
		return recovery.SetSummary{}, false
	}
	summary := recovery.SetSummary{
		ID: string(d.Set), Kind: recovery.SetKind(d.Kind), SystemID: p.SystemID, Timeline: p.Timeline,
		StartLSN: p.StartLSN, StopLSN: p.StopLSN, StartedAt: p.StartTime, StoppedAt: p.StopTime,
		Damaged: d.Damaged, Verified: recovery.VerifiedNone, Stores: wholeIn(set),
		SizeBytes: d.Totals.SourceBytes, StoredBytes: d.Totals.NewPartBytes + d.Totals.OldPartBytes + d.Manifest.SizeBytes,
	}
	if len(d.Damage) > 0 {
		summary.DamageNote = fmt.Sprintf("%d findings, first: %s at %d: %s", d.DamageSeen, d.Damage[0].Path, d.Damage[0].OffsetBytes, d.Damage[0].Detail)
	}
	for _, reference := range d.References {
		summary.References = append(summary.References, string(reference))
	}
	return summary, true
}

// wholeIn returns the stores in which the descriptor lies and says that every
// part does.
func wholeIn(set archive.Set) []string {
	var names []string
	for name := range set.Copies {
		whole := true
		for _, part := range append(slices.Clone(set.Descriptor.Parts), set.Descriptor.Manifest) {
			_, there := part.Stores[name]
			whole = whole && there
		}
		if whole {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (s *Survey) addListing(listing *archive.Listing) {
	for _, anomaly := range listing.Anomalies {
		s.note("set %s: %s in store %s: %s", anomaly.Set, anomaly.Kind, anomaly.Store, anomaly.Detail)
	}
	for _, name := range slices.Sorted(maps.Keys(listing.Unreachable)) {
		s.missed(name, listing.Unreachable[name].Error())
	}
}

func (s *Survey) addInventory(found walship.Inventory) {
	s.WAL = recovery.WALInventory{SystemID: found.SystemID, SegmentSize: found.SegmentSize}
	for _, one := range found.Ranges {
		s.WAL.Ranges = append(s.WAL.Ranges, recovery.SegmentRange{Range: one.Range, Stores: one.Stores, ArchivedAt: one.ArchivedAt})
	}
	for _, one := range found.Histories {
		if one.History != nil {
			s.WAL.Histories = append(s.WAL.Histories, *one.History)
		}
	}
	for _, one := range found.Tails {
		tail := recovery.Tail{Timeline: one.Segment.Timeline, Number: one.Segment.Number, ValidUpTo: one.ValidUpTo, ObservedAt: one.ObservedAt, Stores: one.Stores}
		if len(one.Keys) > 0 {
			tail.Key = one.Keys[len(one.Keys)-1]
		}
		s.WAL.Tails = append(s.WAL.Tails, tail)
	}
	for _, anomaly := range found.Anomalies {
		s.note("WAL: %s in store %s: %s %s", anomaly.Kind, anomaly.Store, anomaly.Key, anomaly.Detail)
	}
	for _, name := range found.Unanswered {
		s.missed(name, "its WAL could not be listed")
	}
}

// missed notes a store that did not answer, once.
func (s *Survey) missed(name, why string) {
	if !slices.ContainsFunc(s.Unanswered, func(known Unanswered) bool { return known.Store == name }) {
		s.Unanswered = append(s.Unanswered, Unanswered{Store: name, Why: why})
	}
}

func (s *Survey) note(format string, args ...any) {
	if len(s.Anomalies) < maxAnomalies {
		s.Anomalies = append(s.Anomalies, fmt.Sprintf(format, args...))
	}
}

func heartbeatOf(beat walship.Beat) recovery.Heartbeat {
	return recovery.Heartbeat{
		Sequence: beat.Seq, At: beat.At, LSN: beat.CommitLSN, Timeline: beat.Timeline,
		SystemID: beat.SystemID, Incarnation: beat.Incarnation,
	}
}

// segmentSize is what the cluster's own backups say.
func segmentSize(listing *archive.Listing, system wal.SystemID) wal.SegmentSize {
	for _, set := range slices.Backward(listing.Sets) {
		if p := set.Descriptor.Attributes.Postgres; p != nil && p.SystemID == system && p.SegmentSize.Valid() {
			return p.SegmentSize
		}
	}
	return wal.DefaultSegmentSize
}

// oldest returns when the oldest set began: heartbeats before it lead nowhere.
func oldest(sets []recovery.SetSummary) time.Time {
	var first time.Time
	for _, set := range sets {
		if first.IsZero() || set.StartedAt.Before(first) {
			first = set.StartedAt
		}
	}
	return first
}

// Cluster names the WAL of one set's cluster, for proving and fetching.
func Cluster(s Shelves, set recovery.SetSummary, size wal.SegmentSize) (walship.Cluster, error) {
	if set.SystemID == 0 || !size.Valid() {
		return walship.Cluster{}, failure.Invalid("choice.set", "names no cluster or no segment size")
	}
	return walship.Cluster{Source: s.Source, SystemID: set.SystemID, SegmentSize: size, Stores: s.Stores}, nil
}
