package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// MaxFrameBytes bounds one request or answer.
const MaxFrameBytes = 64 << 10

// Verb is what is asked for.
type Verb string

// Verbs. All may be sent twice: push and fetch are idempotent, status looks.
const (
	Push   Verb = "push"
	Fetch  Verb = "fetch"
	Status Verb = "status"
)

// Request is the one frame a client sends.
type Request struct {
	Verb Verb   `json:"verb"`
	Name string `json:"name,omitempty"` // fetch: %f, the file wanted
	Path string `json:"path,omitempty"` // %p, relative to the data directory or inside it
}

// Answer is the one frame the daemon returns. An empty Class is success.
type Answer struct {
	Class   failure.Class   `json:"class,omitempty"`
	Message string          `json:"message,omitempty"`
	Hint    string          `json:"hint,omitempty"`
	Status  json.RawMessage `json:"status,omitempty"` // status only: the daemon's walship.Status
}

// Err returns the failure an answer carries, or nil.
func (a Answer) Err() error {
	if a.Class == "" {
		return nil
	}
	return &failure.Error{Class: a.Class, Message: a.Message, Hint: a.Hint}
}

// AnswerTo turns the outcome of a request into an answer.
func AnswerTo(err error) Answer {
	if err == nil {
		return Answer{}
	}
	message := err.Error()
	if len(message) > MaxFrameBytes/8 {
		message = message[:MaxFrameBytes/8]
	}
	return Answer{Class: failure.ClassOf(err), Message: strings.ToValidUTF8(message, "?"), Hint: failure.HintOf(err)}
}

// Validate refuses requests no client of ours sends.
func (r Request) Validate() error {
	const longest = 4096 // PATH_MAX
	switch {
	case r.Verb != Push && r.Verb != Fetch && r.Verb != Status:
		return failure.Invalid("verb", "%.40q is none of push, fetch, status", r.Verb)
	case len(r.Name) > 255 || len(r.Path) > longest:
		return failure.Invalid("path", "is too long")
	case strings.ContainsRune(r.Name, 0) || strings.ContainsRune(r.Path, 0):
		return failure.Invalid("path", "holds a zero byte")
	case r.Verb != Status && r.Path == "":
		return failure.Invalid("path", "is missing").WithHint("give %%p as the argument")
	case r.Verb == Fetch && r.Name == "":
		return failure.Invalid("name", "is missing").WithHint("give %%f and %%p as the arguments")
	}
	return nil
}

// Write sends one frame.
func Write(w io.Writer, frame any) error {
	body, err := json.Marshal(frame)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode frame")
	}
	if len(body) > MaxFrameBytes {
		return failure.New(failure.Internal, "frame of %d bytes is over the limit of %d", len(body), MaxFrameBytes)
	}
	out := binary.BigEndian.AppendUint32(make([]byte, 0, len(body)+4), uint32(len(body)))
	_, err = w.Write(append(out, body...))
	return failure.Wrap(failure.Unavailable, err, "write frame")
}

// Read receives one frame into frame, which must be a pointer to a struct.
// Unknown fields, trailing bytes and frames over the limit are failures.
func Read(r io.Reader, frame any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return failure.Wrap(failure.Unavailable, err, "read frame length")
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxFrameBytes {
		return failure.Invalid("frame", "%d bytes are over the limit of %d", size, MaxFrameBytes)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return failure.Wrap(failure.Unavailable, err, "read frame")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(frame); err != nil {
		return failure.Invalid("frame", "%s", err)
	}
	if decoder.More() {
		return failure.Invalid("frame", "holds more than one value")
	}
	return nil
}
