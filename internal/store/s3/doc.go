// Package s3 keeps objects in Amazon S3 or a store that speaks its protocol.
//
// # How the promises are kept
//
//   - Nothing is overwritten: PutObject and CompleteMultipartUpload carry
//     If-None-Match: *.
//   - A retry whose first attempt succeeded, with the answer lost, is told that
//     the object exists. Every Put therefore records a random mark with the
//     object: when the mark of what is there is the Put's own, it succeeded. An
//     identical object of another Put stays failure.Exists.
//   - Whole: the SHA-256 of the body (of each piece, in pieces) goes along and the
//     provider checks it. S3 has no SHA-256 of an object sent in pieces; its
//     digest is checked here, over the very bytes sent, before they are joined.
//     What was made is read back by HEAD: digest, size and lock.
//   - The digest is recorded as metadata, so that Stat can give it back.
//
// # Permissions
//
// s3:PutObject, s3:GetObject, s3:GetObjectVersion, s3:ListBucket,
// s3:ListBucketVersions, s3:GetBucketVersioning,
// s3:GetBucketObjectLockConfiguration and s3:AbortMultipartUpload; with locks
// also s3:PutObjectRetention and s3:GetObjectRetention; s3:DeleteObjectVersion
// (s3:DeleteObject without versions) only where retention runs.
package s3
