package walship

import (
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
	EventStoresDown    EventKind = "stores-down"     // alarm: no store answers; pushes are not acknowledged
	EventSpoolOnly     EventKind = "spool-only"      // alarm: acknowledged while only the local spool holds it
	EventSpoolFull     EventKind = "spool-full"      // alarm: the spool cannot take more
	EventHeadroom      EventKind = "headroom"        // alarm: little free space under pg_wal
	EventConflict      EventKind = "conflict"        // alarm: other content archived under the same name
	EventRefused       EventKind = "refused"         // alarm: a file that is not this cluster's whole WAL
	EventCorrupt       EventKind = "corrupt"         // a damaged object was stepped over
	EventTailDown      EventKind = "tail-down"       // alarm: the stream is not running
	EventTailUp        EventKind = "tail-up"         // clears tail-down
	EventTailGap       EventKind = "tail-gap"        // the stream lost bytes; archived segments cover them later
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

	mu     sync.Mutex
	alarms map[alarmID]Event
}

type alarmID struct {
	kind  EventKind
	store string
}

func newReporter(log *zap.Logger, onward func(Event)) *reporter {
	return &reporter{log: log, onward: onward, alarms: make(map[alarmID]Event)}
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
	return list
}
