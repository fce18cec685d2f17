package rival

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/storage"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/gcs"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
)

// GCS returns the rival of the store that gcs.Open makes of cfg.
func GCS(ctx context.Context, cfg gcs.Config) (storetest.Rival, error) {
	client, err := gcs.NewClient(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &gcsRival{bucket: client.Bucket(cfg.Bucket), prefix: slashed(cfg.Prefix)}, nil
}

type gcsRival struct {
	bucket *storage.BucketHandle
	prefix string
}

func (r *gcsRival) Overwrite(ctx context.Context, key string, body []byte, digest store.Digest) error {
	w := r.bucket.Object(r.prefix + key).NewWriter(ctx)
	w.Metadata = map[string]string{gcs.DigestName: digest.String()}
	_, err := w.Write(body)
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("overwrite %s: %w", key, err)
	}
	return nil
}

func (r *gcsRival) Hide(ctx context.Context, key string) error {
	if err := r.bucket.Object(r.prefix + key).Delete(ctx); err != nil {
		return fmt.Errorf("hide %s: %w", key, err)
	}
	return nil
}
