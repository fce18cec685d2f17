package rival

import (
	"bytes"
	"context"
	"fmt"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/s3"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
)

// S3 returns the rival of the store that s3.Open makes of cfg.
func S3(ctx context.Context, cfg s3.Config) (storetest.Rival, error) {
	client, err := s3.NewClient(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &s3Rival{client: client, bucket: cfg.Bucket, prefix: slashed(cfg.Prefix)}, nil
}

type s3Rival struct {
	client         *awss3.Client
	bucket, prefix string
}

func (r *s3Rival) Overwrite(ctx context.Context, key string, body []byte, digest store.Digest) error {
	key = r.prefix + key
	_, err := r.client.PutObject(ctx, &awss3.PutObjectInput{
		Bucket: &r.bucket, Key: &key, Body: bytes.NewReader(body), Metadata: map[string]string{s3.DigestName: digest.String()},
	})
	if err != nil {
		return fmt.Errorf("overwrite %s: %w", key, err)
	}
	return nil
}

func (r *s3Rival) Hide(ctx context.Context, key string) error {
	key = r.prefix + key
	if _, err := r.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &r.bucket, Key: &key}); err != nil {
		return fmt.Errorf("hide %s: %w", key, err)
	}
	return nil
}

func slashed(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + "/"
}
