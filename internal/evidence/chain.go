package evidence

// Head is the state of a chain after its last entry: all that is needed to go
// on, and all that must be kept safe to verify it.
type Head struct {
	Chain string `json:"chain"` // the run's ID
	Count uint64 `json:"count"`
	Hash  Hash   `json:"hash"`
}

// Genesis returns the head of the empty chain with the given ID.
func Genesis(chain string) Head {
	chain = clean(chain, maxShort)
	return Head{Chain: chain, Hash: genesisHash(chain)}
}

// Chain is a growing timeline. It holds the entries since the last page cut off
// it; the head stands for everything before. It is not safe for concurrent use.
type Chain struct {
	start Head // before the first held entry
	head  Head
	held  []Entry
}

// New returns an empty chain. id should name the run for good, for example the
// workflow ID and its first run ID.
func New(id string) *Chain { return Resume(Genesis(id)) }

// Resume returns a chain that goes on after head, as after continue-as-new.
func Resume(head Head) *Chain { return &Chain{start: head, head: head} }

// Head returns the state after the newest entry.
func (c *Chain) Head() Head { return c.head }

// Held returns the entries since the last Cut, oldest first. The caller must
// not change them.
func (c *Chain) Held() []Entry { return c.held }

// Append completes e, adds it and returns it as recorded. Text that is too long
// or not UTF-8 is cut and marked rather than refused: evidence of a strange
// event matters more than its exact bytes, and an entry must survive JSON.
func (c *Chain) Append(e Entry) Entry {
	e = normalize(e)
	e.Seq = c.head.Count + 1
	e.Prev = c.head.Hash
	e.Hash = hashOf(e)
	c.head.Count, c.head.Hash = e.Seq, e.Hash
	c.held = append(c.held, e)
	return e
}

// Page is a run of entries that was moved out of memory.
type Page struct {
	Start   Head    `json:"start"` // before its first entry
	Entries []Entry `json:"entries"`
	Head    Head    `json:"head"` // after its last entry
}

// First returns the sequence number of the page's first entry.
func (p Page) First() uint64 { return p.Start.Count + 1 }

// Cut removes the held entries from the chain and returns them as a page. The
// chain goes on from the page's head.
func (c *Chain) Cut() Page {
	page := Page{Start: c.start, Entries: c.held, Head: c.head}
	c.start, c.held = c.head, nil
	return page
}
