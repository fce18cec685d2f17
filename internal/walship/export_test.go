package walship

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/wal"
)

// PushPiece lets tests ship tail pieces without a server.
func (a *Archiver) PushPiece(ctx context.Context, seg wal.Segment, from wal.LSN, content []byte) error {
	return a.pushPiece(ctx, seg, from, content)
}

// EncodeBeats lets tests make heartbeat objects: key and content.
func EncodeBeats(source string, beats []Beat) (key string, body []byte, err error) {
	name, body, err := encodeBeats(beats)
	return beatPrefix(source, beats[0].SystemID, beats[0].Incarnation) + name, body, err
}

// Alarms lets tests see what stands.
func (a *Archiver) Alarms() []Event { return a.report.standing() }
