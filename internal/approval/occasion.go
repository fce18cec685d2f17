package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// MaxBeforehand is the longest validity of a declaration that is signed before its
// run exists: long enough to start the run, too short to lie about for another day.
const MaxBeforehand = time.Hour

// Occasion is what a declaration signed before its run exists is about. There is no
// question yet whose nonce, target and timeline it could name, so it names this by
// the hash of its text, and counts for one run only.
type Occasion struct {
	Incident    string    `json:"incident"`
	Scenario    string    `json:"scenario"`
	Service     string    `json:"service"`
	Database    string    `json:"database,omitempty"` // empty: the scenario is about none
	DisruptedAt time.Time `json:"disrupted_at,omitzero"`
}

// Choice returns the occasion's text and hash, as Message.ChoiceHash takes it.
func (o Occasion) Choice() (Choice, error) {
	o.DisruptedAt = o.DisruptedAt.UTC()
	return ChoiceOf(o)
}

// Nonce derives the nonce of a run's question from the timeline head at which it
// was opened, its key within the run ("gate:restore") and its number, counted from
// 1. The head covers all that happened before, so no other question of any run has
// the same; and whoever knows the three can tell which question a message answered.
func Nonce(head, key string, number int) string {
	sum := sha256.Sum256([]byte("holdfast.nonce.v1\n" + head + "\n" + key + "\n" + strconv.Itoa(number)))
	return hex.EncodeToString(sum[:16])
}
