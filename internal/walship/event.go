package walship

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// EventKind says what an operator should know.
type EventKind string

// Kinds of event. Those marked alarm stay in Status.Alarms until cleared.
const (
	EventStoreBehind   EventKind = "store-behind"    // alarm: a store lacks objects another holds
	EventStoreCaughtUp EventKind = "store-caught-up" // clears store-behind
	EventStoresDown    EventKind = "stores-down"     // alarm: fewer stores answer than archive.require asks for; pushes are not acknowledged
	EventSpoolOnly     EventKind = "spool-only"      // alarm: acknowledged while only the local spool holds it
	EventSpoolFull     EventKind = "spool-full"      // alarm: the spool cannot take more, or cannot be written
	EventHeadroom      EventKind = "headroom"        // alarm: little free space under pg_wal
	EventConflict      EventKind = "conflict"        // alarm: other content archived under the same name
	EventRefused       EventKind = "refused"         // alarm: a file that is not this cluster's whole WAL
	EventCorrupt       EventKind = "corrupt"         // a damaged object was stepped over
	EventTailDown      EventKind = "tail-down"       // alarm: the stream is not running
	EventTailUp        EventKind = "tail-up"         // clears tail-down
	EventTailGap       EventKind = "tail-gap"        // alarm: stores lack WAL that the server has removed; noted: the slot lost its WAL
	EventSlotUnbound   EventKind = "slot-unbounded"  // alarm: max_slot_wal_keep_size = -1
	EventHeartbeat     EventKind = "heartbeat-down"  // alarm: no heartbeat row could be written
	EventHeartbeatUp   EventKind = "heartbeat-up"    // clears heartbeat-down
)

// Event is one thing an operator should know.
type Event struct {
	At      time.Time `json:"at"`
	Kind    EventKind `json:"kind"`
	Alarm   bool      `json:"alarm"` // stays until cleared
	Store   string    `json:"store,omitempty"`
	Object  string    `json:"object,omitempty"`
	Message string    `json:"message"`
}

// reporter logs events, hands them on, and keeps the alarms that stand.
type reporter struct {
	log    *zap.Logger
	onward func(Event) // may be nil

	mu        sync.Mutex
	alarms    map[alarmID]Event
	conflicts map[string]Event // by file name: each is an alarm of its own
}

type alarmID struct {
	kind  EventKind
	store string
}

func newReporter(log *zap.Logger, onward func(Event)) *reporter {
	return &reporter{log: log, onward: onward, alarms: make(map[alarmID]Event), conflicts: make(map[string]Event)}
}

// raise reports an alarm. One that already stands is updated silently: an outage
// is one event, not one per segment.
func (r *reporter) raise(kind EventKind, storeName, object, message string) {
	event := Event{At: time.Now().UTC(), Kind: kind, Alarm: true, Store: storeName, Object: object, Message: message}
	id := alarmID{kind, storeName}
	r.mu.Lock()
	standing, stands := r.alarms[id]
	if stands {
		event.At = standing.At
	}
	r.alarms[id] = event
	r.mu.Unlock()
	if !stands {
		r.tell(event)
	}
}

// clear ends an alarm and reports its end as kind after; nothing happens when
// the alarm does not stand.
func (r *reporter) clear(kind, after EventKind, storeName, message string) {
	id := alarmID{kind, storeName}
	r.mu.Lock()
	_, stands := r.alarms[id]
	delete(r.alarms, id)
	r.mu.Unlock()
	if stands {
		r.tell(Event{At: time.Now().UTC(), Kind: after, Store: storeName, Message: message})
	}
}

// conflict reports that a store, or the spool where storeName is empty or unknown,
// has other content under a file's name than the object's. Each refused content is
// told once, whatever else stands; agreed ends it.
func (r *reporter) conflict(name, storeName, object string, err error) {
	event := Event{At: time.Now().UTC(), Kind: EventConflict, Alarm: true, Store: storeName, Object: object, Message: err.Error()}
	r.mu.Lock()
	standing, stands := r.conflicts[name]
	known := stands && standing.Object == object
	if known {
		event.At = standing.At
	}
	r.conflicts[name] = event
	r.mu.Unlock()
	if !known {
		r.tell(event)
	}
}

// agreed ends the conflict about a file: every store holds the same content under
// its name. A key limits that to a conflict in which this object was refused, since
// what waited may have been brought everywhere while PostgreSQL offers other content.
func (r *reporter) agreed(name, key string) {
	r.mu.Lock()
	standing, stands := r.conflicts[name]
	stands = stands && (key == "" || key == standing.Object)
	if stands {
		delete(r.conflicts, name)
	}
	r.mu.Unlock()
	if stands {
		r.note(EventConflict, standing.Store, standing.Object, "the stores hold the same content under this name")
	}
}

// conflicting is the one alarm for all conflicts: the newest, and how many there are.
func (r *reporter) conflicting() (newest Event, stands bool) {
	for _, event := range r.conflicts {
		if !stands || event.At.After(newest.At) {
			newest, stands = event, true
		}
	}
	if more := len(r.conflicts) - 1; more > 0 {
		newest.Message = fmt.Sprintf("%s (and %d more files in conflict)", newest.Message, more)
	}
	return newest, stands
}

// note reports something that needs no clearing.
func (r *reporter) note(kind EventKind, storeName, object, message string) {
	r.tell(Event{At: time.Now().UTC(), Kind: kind, Store: storeName, Object: object, Message: message})
}

func (r *reporter) tell(event Event) {
	fields := []zap.Field{zap.String("kind", string(event.Kind)), zap.String("store", event.Store), zap.String("object", event.Object)}
	if event.Alarm {
		r.log.Error(event.Message, fields...)
	} else {
		r.log.Info(event.Message, fields...)
	}
	if r.onward != nil {
		r.onward(event)
	}
}

func (r *reporter) standing() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Event, 0, len(r.alarms))
	for _, event := range r.alarms {
		list = append(list, event)
	}
	if newest, stands := r.conflicting(); stands {
		list = append(list, newest)
	}
	return list
}
