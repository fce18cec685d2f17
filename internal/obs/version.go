package obs

// version is set by the linker: see LDFLAGS in the Makefile.
var version = "unknown" //nolint:gochecknoglobals // the linker can set nothing else

// Version returns what this binary was built from, as git describe names it.
func Version() string { return version }
