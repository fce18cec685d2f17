package plan

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/robfig/cron"
)

func (j *judgement) checkStores() {
	if len(j.p.Stores) < 2 {
		j.errorf("stores", "add a store at another provider", "%d stores: a backup in fewer than two places is lost with one", len(j.p.Stores))
	}
	providers, places := map[StoreProvider]bool{}, map[string]string{}
	for i, s := range j.p.Stores {
		at := fmt.Sprintf("stores[%d]", i)
		providers[s.Provider] = true
		place := strings.Join([]string{string(s.Provider), s.Endpoint, s.Bucket, s.Path, s.Prefix}, " ")
		if other, taken := places[place]; taken {
			j.errorf(at, "give each store its own bucket, path or prefix", "store %s is the same place as %s", s.Name, other)
		}
		places[place] = s.Name
		j.checkStore(at, s)
	}
	if len(j.p.Stores) >= 2 && len(providers) < 2 {
		j.errorf("stores", "move one to another provider: s3, gcs or file", "all stores are at one provider and share its failures")
	}
}

var (
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)
	prefixForm = regexp.MustCompile(`^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*$`)
)

func (j *judgement) checkStore(at string, s Store) {
	if s.Provider == StoreFile {
		j.absolute(at+".path", s.Path)
	} else if !bucketForm.MatchString(s.Bucket) || strings.Contains(s.Bucket, "..") {
		j.errorf(at+".bucket", "use 3 to 222 lower-case letters, digits, dots, dashes and underscores", "%q is not the name of a bucket", clip(s.Bucket))
	}
	if s.Prefix != "" && (!prefixForm.MatchString(s.Prefix) || strings.Contains(s.Prefix, "..")) {
		j.errorf(at+".prefix", "write it as team/system, without a slash at either end", "%q is not a prefix", clip(s.Prefix))
	}
	if s.Endpoint != "" {
		j.endpointURL(at+".endpoint", s.Endpoint)
	}
	if s.Provider == StoreS3 && s.Region == "" {
		j.errorf(at+".region", "add region: …", "an s3 store needs a region")
	}
	if (s.AccessKey == "") != (s.SecretKey == "") {
		j.errorf(at, "give both, or neither to use the provider's default chain", "access_key and secret_key go together")
	}
	j.absoluteIfSet(at+".ca_file", s.CAFile)
	j.foreignFields(at, s)
	if s.Lock.Retention == 0 && s.Provider != StoreFile {
		j.warnf(at, "add lock: {retention: …}", "nothing stops a thief of this store's key from removing every backup in %s", s.Name)
	}
}

// foreignFields refuses settings that another provider has: they would be
// silently without effect.
func (j *judgement) foreignFields(at string, s Store) {
	for _, field := range []struct {
		key   string
		set   bool
		where []StoreProvider
	}{
		{"bucket", s.Bucket != "", []StoreProvider{StoreS3, StoreGCS}},
		{"path", s.Path != "", []StoreProvider{StoreFile}},
		{"region", s.Region != "", []StoreProvider{StoreS3, StoreGCS}},
		{"endpoint", s.Endpoint != "", []StoreProvider{StoreS3, StoreGCS}},
		{"path_style", s.PathStyle, []StoreProvider{StoreS3}},
		{"access_key", s.AccessKey != "", []StoreProvider{StoreS3}},
		{"credentials_json", s.CredentialsJSON != "", []StoreProvider{StoreGCS}},
		{"anonymous", s.Anonymous, []StoreProvider{StoreGCS}},
		{"ca_file", s.CAFile != "", []StoreProvider{StoreS3, StoreGCS}},
	} {
		if field.set && !hasProvider(field.where, s.Provider) {
			j.errorf(at+"."+field.key, "remove it", "%s has no meaning for a %s store", field.key, s.Provider)
		}
	}
}

func hasProvider(list []StoreProvider, provider StoreProvider) bool {
	for _, p := range list {
		if p == provider {
			return true
		}
	}
	return false
}

func (j *judgement) checkEncryption() {
	e := j.p.Encryption
	if len(e.Recipients) < 2 {
		j.errorf("encryption.recipients", "add a second recipient whose key is kept offline", "%d recipients: a lost key would lose every backup", len(e.Recipients))
	}
	offline, files := 0, map[string]bool{}
	for i, recipient := range e.Recipients {
		at := fmt.Sprintf("encryption.recipients[%d]", i)
		j.text(at+".name", recipient.Name)
		j.text(at+".email", recipient.Email)
		j.emailIfSet(at+".email", recipient.Email)
		j.absolute(at+".public_key_file", recipient.PublicKeyFile)
		if files[recipient.PublicKeyFile] {
			j.errorf(at+".public_key_file", "give each recipient a key of its own", "this key is already another recipient's")
		}
		files[recipient.PublicKeyFile] = true
		if recipient.Offline {
			offline++
		}
	}
	if offline == 0 {
		j.errorf("encryption.recipients", "mark the recipient whose key is kept offline with offline: true",
			"no recipient is offline: whoever takes the systems takes every key")
	}
	if offline > 0 && offline == len(e.Recipients) {
		j.warnf("encryption.recipients", "keep one key where a restore can reach it", "every key is offline: each restore and drill waits for a person to fetch one")
	}
	if e.AEAD {
		j.warnf("encryption.aead", "set aead: false to restore by hand with gpg", "GnuPG 2.2 cannot read AEAD messages")
	}
}

// longest is the longest interval that still deserves a tier's name.
func longest(tier Tier) Duration {
	const hour = Duration(3600e9)
	switch tier {
	case Continuous:
		return hour / 60
	case Hourly:
		return hour
	case Daily:
		return 24 * hour
	case Weekly:
		return 7 * 24 * hour
	case Monthly:
		return 31 * 24 * hour
	}
	return Duration(maxDuration)
}

var cronForm = regexp.MustCompile(`^[0-9*/,-]+( [0-9*/,-]+){4}$`)

func (j *judgement) checkSchedules() {
	for i, s := range j.p.Schedules {
		at := fmt.Sprintf("schedules[%d]", i)
		j.positive(at+".interval", s.Interval)
		if most := longest(s.Tier); s.Interval > most {
			j.errorf(at+".interval", "write at most "+most.String(), "every %s is not %s", s.Interval, s.Tier)
		}
		if s.At == "" {
			continue
		}
		if !cronForm.MatchString(s.At) {
			j.errorf(at+".at", "write minute hour day month weekday in digits: 15 2 * * 0", "%q is not a cron expression", clip(s.At))
		} else if _, err := cron.ParseStandard(s.At); err != nil {
			j.errorf(at+".at", "write minute hour day month weekday in digits: 15 2 * * 0", "%s", clip(err.Error()))
		}
	}
}
