package plan

// Store is one bucket, or one directory, that holds backups under one prefix.
type Store struct {
	// Name of the store.
	Name string `json:"name"`
	// Provider decides which fields below apply.
	Provider StoreProvider `json:"provider"`
	// Bucket name (s3, gcs).
	Bucket string `json:"bucket,omitempty"`
	// Path of the directory (file), absolute.
	Path string `json:"path,omitempty"`
	// Prefix of every key, without leading or trailing slash.
	Prefix string `json:"prefix,omitempty"`
	// Region of the bucket (s3).
	Region string `json:"region,omitempty"`
	// Endpoint URL, where it is not the provider's own.
	Endpoint string `json:"endpoint,omitempty"`
	// PathStyle addresses buckets as endpoint/bucket (s3).
	PathStyle bool `json:"path_style,omitempty"`
	// Anonymous uses no credentials at all (gcs emulators).
	Anonymous bool `json:"anonymous,omitempty"`
	// AccessKey is the access key ID (s3). Empty: the provider's default chain.
	AccessKey SecretRef `json:"access_key,omitempty"`
	// SecretKey is the secret access key (s3).
	SecretKey SecretRef `json:"secret_key,omitempty"`
	// CredentialsJSON is a service account key (gcs). Empty: application default credentials.
	CredentialsJSON SecretRef `json:"credentials_json,omitempty"`
	// CAFile holds extra root certificates, PEM.
	CAFile string `json:"ca_file,omitempty"`
	// Lock keeps objects from being removed early.
	Lock Lock `json:"lock,omitzero"`
}

// Lock is the retention lock put on every object.
type Lock struct {
	// Retention is how long an object cannot be removed, by anybody. Zero: no lock.
	Retention Duration `json:"retention,omitempty"`
}

// Encryption says how backups are sealed.
type Encryption struct {
	// Cipher of the OpenPGP messages.
	Cipher Cipher `json:"cipher"`
	// AEAD uses OpenPGP's AEAD mode: faster, but GnuPG 2.2 cannot read it.
	AEAD bool `json:"aead,omitempty"`
	// Recipients can decrypt; two or more, one of them offline.
	Recipients []Recipient `json:"recipients"`
}

// Recipient is one OpenPGP key that backups are encrypted to.
type Recipient struct {
	// Name of the recipient.
	Name string `json:"name"`
	// Email in the key's user ID.
	Email string `json:"email"`
	// PublicKeyFile holds the key, armored or binary; absolute path on every host.
	PublicKeyFile string `json:"public_key_file"`
	// Offline keys never touch a networked machine before a disaster.
	Offline bool `json:"offline,omitempty"`
}

// Schedule is one tier of backup or test.
type Schedule struct {
	// Tier this schedule is for.
	Tier Tier `json:"tier"`
	// Title says what runs.
	Title string `json:"title"`
	// Interval is the longest time between two finished runs; for the continuous tier, between two shipments.
	Interval Duration `json:"interval"`
	// At is a cron expression in UTC; empty lets the interval decide.
	At string `json:"at,omitempty"`
	// Keep is how long verified sets of this tier are kept.
	Keep Duration `json:"keep,omitempty"`
}

// Cache is one Redis service.
type Cache struct {
	// Name of the cache.
	Name string `json:"name"`
	// Title of the cache.
	Title string `json:"title,omitempty"`
	// DataClass in objectives.data_classes.
	DataClass string `json:"data_class"`
	// Address host:port of the server, where there is no Sentinel.
	Address string `json:"address,omitempty"`
	// Password of the server.
	Password SecretRef `json:"password,omitempty"`
	// Sentinel watches the server and fails over.
	Sentinel *Sentinel `json:"sentinel,omitempty"`
	// AppendOnly says that append-only file persistence is on.
	AppendOnly bool `json:"append_only"`
	// Tiers that back this cache up.
	Tiers []Tier `json:"tiers,omitempty"`
}

// Sentinel is a Redis Sentinel quorum.
type Sentinel struct {
	// Master is the name the Sentinels know the primary by.
	Master string `json:"master"`
	// Addresses host:port of the Sentinels.
	Addresses []string `json:"addresses"`
}

// Source is one data set that is not a database.
type Source struct {
	// Name of the source.
	Name string `json:"name"`
	// Title of the source.
	Title string `json:"title,omitempty"`
	// Kind of the source.
	Kind SourceKind `json:"kind"`
	// DataClass in objectives.data_classes.
	DataClass string `json:"data_class"`
	// Hosts that hold the files (files, compose).
	Hosts []string `json:"hosts,omitempty"`
	// Paths to back up, absolute (files), or the Compose file (compose).
	Paths []string `json:"paths,omitempty"`
	// ExcludeFile lists patterns to leave out, in rsync's --exclude-from syntax.
	ExcludeFile string `json:"exclude_file,omitempty"`
	// Site whose cluster is read (kubernetes).
	Site string `json:"site,omitempty"`
	// Resources are the kinds read (kubernetes).
	Resources []string `json:"resources,omitempty"`
	// Workspace is the local folder the plan names for this backup.
	Workspace string `json:"workspace,omitempty"`
	// CopyTo is another place the plan names for a plain copy.
	CopyTo string `json:"copy_to,omitempty"`
	// Tiers that back this source up.
	Tiers []Tier `json:"tiers"`
}

// Verification bounds what a finished set may look like.
type Verification struct {
	// MinSize a set must exceed.
	MinSize Bytes `json:"min_size,omitempty"`
	// MaxSize a set must stay under.
	MaxSize Bytes `json:"max_size,omitempty"`
	// Checks run on every set.
	Checks []string `json:"checks,omitempty"`
}
