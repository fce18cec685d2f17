package walship

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Beat is one heartbeat row whose commit the database acknowledged, as it is
// kept outside the database.
type Beat struct {
	Seq          uint64       `json:"seq"`
	At           time.Time    `json:"at"`  // the database's clock, when the row was written
	LSN          wal.LSN      `json:"lsn"` // pg_current_wal_insert_lsn() in the same statement
	SystemID     wal.SystemID `json:"system_id"`
	Timeline     wal.Timeline `json:"timeline"`
	Incarnation  string       `json:"incarnation"`
	CommitLSN    wal.LSN      `json:"commit_lsn"`   // at or behind the end of the row's commit record
	Acknowledged time.Time    `json:"acknowledged"` // this host's clock, after the commit
}

// incarnationForm is what may stand in a key; rand.Text and UUIDs fit.
var incarnationForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

func (b Beat) validate() error {
	if b.Seq == 0 || b.Seq > maxSequence || b.At.IsZero() || b.LSN == 0 || b.CommitLSN < b.LSN || b.SystemID == 0 || b.Timeline == 0 || !incarnationForm.MatchString(b.Incarnation) {
		return failure.New(failure.Corrupt, "heartbeat %d is incomplete, or no heartbeat's number", b.Seq)
	}
	return nil
}

const (
	beatFormat    = 1
	maxBeatBytes  = 4 << 20 // of one heartbeat object: hours at one a second
	sequenceWidth = 20      // decimal digits of a uint64, so that keys sort by sequence

	// maxSequence is the highest sequence of a beat: what every reader of JSON holds
	// exactly, far below what a bigint does. maxLearned is the highest that is gone on
	// from when a store says so: what is left then suffices for ever. maxAhead is how far
	// behind a store's word this host's own can be: a century of heartbeats, one a second.
	maxSequence = 1 << 53
	maxLearned  = 1 << 52
	maxAhead    = 1 << 32
)

// beatFile is one heartbeat object: plain JSON, since it must be readable in a
// disaster without any key, and holds nothing secret.
type beatFile struct {
	Format int    `json:"format"`
	Beats  []Beat `json:"beats"` // ascending sequence
}

func beatsOf(source string, system wal.SystemID) string {
	return fmt.Sprintf("v1/%s/heartbeat/%s/", source, system)
}

func beatPrefix(source string, system wal.SystemID, incarnation string) string {
	return beatsOf(source, system) + incarnation + "/"
}

// encodeBeats makes the object for beats and its name.
func encodeBeats(beats []Beat) (name string, body []byte, err error) {
	body, err = json.Marshal(beatFile{Format: beatFormat, Beats: beats})
	if err != nil {
		return "", nil, failure.Wrap(failure.Internal, err, "encode heartbeats")
	}
	name = fmt.Sprintf("%0*d-%0*d-%s.json", sequenceWidth, beats[0].Seq, sequenceWidth, beats[len(beats)-1].Seq, sumOf(body))
	return name, body, nil
}

// decodeBeats reads a heartbeat object and checks it against the name.
func decodeBeats(name string, body []byte) ([]Beat, error) {
	first, last, sum, err := parseBeatName(name)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var file beatFile
	if err := decoder.Decode(&file); err != nil || decoder.More() {
		return nil, failure.New(failure.Corrupt, "heartbeat object %.200q is not readable", name)
	}
	if file.Format != beatFormat || len(file.Beats) == 0 || sumOf(body) != sum ||
		file.Beats[0].Seq != first || file.Beats[len(file.Beats)-1].Seq != last {
		return nil, failure.New(failure.Corrupt, "heartbeat object %.200q does not hold what its name says", name)
	}
	for i, beat := range file.Beats {
		if err := beat.validate(); err != nil {
			return nil, err
		}
		if i > 0 && beat.Seq <= file.Beats[i-1].Seq {
			return nil, failure.New(failure.Corrupt, "heartbeat object %.200q is not in order", name)
		}
	}
	return file.Beats, nil
}

func parseBeatName(name string) (first, last uint64, sum string, err error) {
	bad := failure.New(failure.Corrupt, "%.200q is not the name of a heartbeat object", name)
	fields := strings.Split(strings.TrimSuffix(name, ".json"), "-")
	if !strings.HasSuffix(name, ".json") || len(fields) != 3 || len(fields[0]) != sequenceWidth || len(fields[1]) != sequenceWidth || !isSum(fields[2]) {
		return 0, 0, "", bad
	}
	first, errFirst := strconv.ParseUint(fields[0], 10, 64)
	last, errLast := strconv.ParseUint(fields[1], 10, 64)
	if errFirst != nil || errLast != nil || first == 0 || last < first || last > maxSequence {
		return 0, 0, "", bad
	}
	return first, last, fields[2], nil
}

// Newest returns the beat with the highest sequence acknowledged before the
// given instant (zero: any), false when there is none.
func Newest(beats []Beat, before time.Time) (Beat, bool) {
	for _, beat := range slices.Backward(beats) {
		if before.IsZero() || beat.Acknowledged.Before(before) {
			return beat, true
		}
	}
	return Beat{}, false
}
