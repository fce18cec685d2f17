package archive

import (
	"encoding/base64"

	"github.com/terragonlabs/holdfast/internal/failure"
)

func (n xattrNames) encode() []string {
	var encoded []string
	for _, name := range n {
		encoded = append(encoded, encodeName(name))
	}
	return encoded
}

// decodeXattrNames reads what the manifest's head says was asked for.
func decodeXattrNames(encoded []string) (xattrNames, error) {
	var names xattrNames
	for _, one := range encoded {
		name, err := decodeName(one)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, names.validate()
}

func (x *Xattr) line() xattrLine {
	return xattrLine{"xattr", encodeName(x.Name), base64.StdEncoding.EncodeToString(x.Value)}
}

// decode refuses anything line would not write: base64 has other forms of the
// same bytes.
func (l xattrLine) decode() (Xattr, error) {
	name, err := decodeName(l.Name)
	if err != nil {
		return Xattr{}, err
	}
	value, err := base64.StdEncoding.DecodeString(l.Value)
	if err != nil {
		return Xattr{}, err
	}
	x := Xattr{Name: name, Value: value}
	if x.line() != l {
		return Xattr{}, failure.New(failure.Corrupt, "record %.20q of extended attribute %.80q is not in canonical form", l.Record, l.Name)
	}
	return x, nil
}

// xattrs reads the records of one entry.
func (p *manifestParser) xattrs(count int) ([]Xattr, error) {
	if count < 0 || count > maxXattrs {
		return nil, failure.New(failure.Corrupt, "entry has %d extended attributes, at most %d", count, maxXattrs)
	}
	var found []Xattr
	for range count {
		var line xattrLine
		if err := p.next(&line); err != nil {
			return nil, err
		}
		x, err := line.decode()
		if err != nil {
			return nil, err
		}
		found = append(found, x)
	}
	return found, checkXattrs(found, p.asked)
}
