package recovery

import (
	"math"
	"time"
)

// LeaseRecord is one attempt to hold a lease, as one store has it. Records are
// created by conditional put under their token, so a store has at most one per
// token. Times are the store's own clock.
type LeaseRecord struct {
	Token    uint64    `json:"token"` // fencing token, from 1
	Holder   string    `json:"holder"`
	Acquired time.Time `json:"acquired"`
	Expires  time.Time `json:"expires"` // of the newest renewal
	Released time.Time `json:"released,omitzero"`
	// TakenOver: a person took it from whoever held a lower token, which ended then.
	TakenOver bool `json:"taken_over,omitempty"`
	// Yielded: it was released at once, because an older holder renewed just then. Who
	// yielded never acted under it, and may take the next one.
	Yielded bool `json:"yielded,omitempty"`
}

// LeaseView is what one store says, read once.
type LeaseView struct {
	Store    string        `json:"store"`
	Readable bool          `json:"readable"` // false: the store did not answer; Records means nothing
	Now      time.Time     `json:"now"`      // the store's clock when it answered
	Records  []LeaseRecord `json:"records"`
}

// LeaseState is what the views of all stores together say.
type LeaseState struct {
	Holder    string    `json:"holder,omitempty"` // "" when nobody holds it
	Token     uint64    `json:"token"`            // of Holder; 0 when nobody
	NextToken uint64    `json:"next_token"`       // what a new holder must put
	Free      bool      `json:"free"`             // a new holder may try NextToken
	Expires   time.Time `json:"expires,omitzero"` // earliest over the quorum
	Why       string    `json:"why"`
}

// maxUnseen bounds how many tokens stores that do not answer may have beyond the others.
const maxUnseen = 1 << 20

// Above returns the token that a new holder must put where a host says that it acted
// under a token. Hosts obey no token twice, and the stores that answer may lack the
// newest: it was taken while they were down. A greater token than the next is as good as
// that to everybody else. What a host claims that is too far ahead is not believed: it
// could use the tokens up.
func (s LeaseState) Above(obeyed uint64) uint64 {
	if obeyed < s.NextToken || obeyed == math.MaxUint64 || obeyed-s.NextToken >= maxUnseen {
		return s.NextToken
	}
	return obeyed + 1
}
