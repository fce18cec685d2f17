package objectstore

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sys/unix"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
)

// S3 is a running S3 server. Its root key bypasses bucket policies.
type S3 struct {
	Endpoint  string // http://127.0.0.1:port
	Region    string
	AccessKey string
	SecretKey config.Secret
	// DataDir holds one directory per bucket, in it one file per object under its
	// key: tests damage objects there, behind the server's back.
	DataDir string

	process *process
}

// StartS3 starts a server that keeps its buckets in dir, which must exist and
// belong to this user. Started again on the same dir, it finds them there.
func StartS3(ctx context.Context, dir string) (*S3, error) {
	data, versions := filepath.Join(dir, "data"), filepath.Join(dir, "versions")
	for _, path := range []string{data, versions} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, failure.Wrap(failure.Unavailable, err, "create %s", path)
		}
	}
	if err := checkMetadata(data); err != nil {
		return nil, err
	}
	server := &S3{Region: "us-east-1", AccessKey: "holdfast", SecretKey: config.NewSecret(rand.Text()), DataDir: data}
	var err error
	server.process, err = launch(ctx, "versitygw", dir, func(host, port string) ([]string, error) {
		// Without --keep-alive it closes the connection after every answer.
		return []string{
			"--access", server.AccessKey, "--secret", server.SecretKey.Reveal(), "--region", server.Region,
			"--port", host + ":" + port, "--quiet", "--keep-alive", "posix", "--versioning-dir", versions, data,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	server.Endpoint = "http://" + server.process.address
	return server, nil
}

// Stop ends the server. The buckets stay in its directory.
func (s *S3) Stop() { s.process.close() }

// PID is the server's process, for tests that stop or kill it.
func (s *S3) PID() int { return s.process.cmd.Process.Pid }

// Kill ends the server at once, as a lost machine does.
func (s *S3) Kill() { s.process.kill() }

// Again starts the server after its end, at its address, with its keys and buckets.
func (s *S3) Again(ctx context.Context) (err error) {
	s.process, err = s.process.again(ctx)
	return err
}

// CreateBucket creates a bucket, with versions and object lock when locked is
// set. A bucket that this user has already is left as it is.
func (s *S3) CreateBucket(ctx context.Context, name string, locked bool) error {
	_, err := s.client().CreateBucket(ctx, &awss3.CreateBucketInput{
		Bucket: &name, ObjectLockEnabledForBucket: &locked,
	})
	var owned *types.BucketAlreadyOwnedByYou
	if errors.As(err, &owned) {
		return nil
	}
	return failure.Wrap(failure.Unavailable, err, "create bucket %s", name)
}

func (s *S3) client() *awss3.Client {
	return awss3.New(awss3.Options{
		BaseEndpoint: &s.Endpoint, Region: s.Region, UsePathStyle: true,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey.Reveal(), "")),
	})
}

// checkMetadata refuses a file system that cannot hold the server's metadata. It
// keeps them in extended attributes, which ext4, xfs, btrfs and overlays on them
// have, and tmpfs from Linux 6.6 on. Its other way, sidecar files, answers 500 to
// the deletion of a version and shows a new object late to losers of a race.
func checkMetadata(dir string) error {
	if err := unix.Setxattr(dir, "user.holdfast.probe", []byte("1"), 0); err != nil {
		return failure.New(failure.InvalidInput, "%s is on a file system without user extended attributes: %v", dir, err).
			WithHint("set TMPDIR to a directory on ext4, xfs or btrfs")
	}
	return nil
}
