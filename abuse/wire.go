package abuse

import (
	"bytes"
	"encoding/binary"
	"time"
)

// The binary form of a signal, version 1. Numbers of more than one byte are
// big-endian, but for the varints, which are unsigned LEB128 in shortest form.
//
//	 1  version, 1
//	 1  flags: 1 a cause follows the id, 2 the observed times follow valid-until
//	16  id
//	16  cause, if flagged
//	 7  category, class, confidence, severity, review, permitted, action taken
//	 v  reports
//	 v  revision
//	 4  valid-until, seconds since 1970
//	 4  last observed, if flagged
//	 v  seconds from first to last observed, if flagged
//	 1  number of names: the origin, then the path
//	    each name: 1 byte of length, then as many bytes
const (
	wireVersion  = 1
	flagCause    = 1
	flagObserved = 2
)

// MaxSignalSize is the size in bytes of the largest binary form of a signal. A
// usual one, with one origin and no cause, has about 50.
const MaxSignalSize = 2 + 16 + 16 + 7 + 5 + 10 + 4 + 4 + 5 + 1 + (1 + MaxPath) + MaxNames

// AppendBinary appends the binary form to b. An invalid signal gives b and the
// error of [Signal.Validate].
func (s *Signal) AppendBinary(b []byte) ([]byte, error) {
	if err := s.Validate(); err != nil {
		return b, err
	}
	return s.append(b), nil
}

// MarshalBinary gives the binary form, at most MaxSignalSize bytes. Equal signals
// have equal forms. An invalid signal gives the error of [Signal.Validate].
func (s *Signal) MarshalBinary() ([]byte, error) {
	b, err := s.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// UnmarshalBinary reads as [ParseSignal] does. On error s becomes zero.
func (s *Signal) UnmarshalBinary(data []byte) (err error) {
	*s, err = ParseSignal(data)
	return err
}

// append encodes a valid signal.
func (s *Signal) append(b []byte) []byte {
	observed, cause := !s.LastObserved.IsZero(), s.Cause != [16]byte{}
	var flags byte
	if cause {
		flags |= flagCause
	}
	if observed {
		flags |= flagObserved
	}
	b = append(b, wireVersion, flags)
	b = append(b, s.ID[:]...)
	if cause {
		b = append(b, s.Cause[:]...)
	}
	b = append(b, byte(s.Category), byte(s.Class), byte(s.Confidence), byte(s.Severity), byte(s.Review), byte(s.Permitted), byte(s.ActionTaken))
	b = binary.AppendUvarint(b, uint64(s.Reports))
	b = binary.AppendUvarint(b, s.Revision)
	b = binary.BigEndian.AppendUint32(b, uint32(s.ValidUntil.Unix()))
	if observed {
		b = binary.BigEndian.AppendUint32(b, uint32(s.LastObserved.Unix()))
		b = binary.AppendUvarint(b, uint64(s.LastObserved.Unix()-s.FirstObserved.Unix()))
	}
	b = append(b, byte(1+len(s.Path)))
	b = appendString(b, s.Origin)
	for _, name := range s.Path {
		b = appendString(b, name)
	}
	return b
}

// appendString appends a string of at most 255 bytes.
func appendString(b []byte, s string) []byte {
	return append(append(b, byte(len(s))), s...)
}

// ParseSignal reads the binary form of a signal. It takes exactly what
// [Signal.MarshalBinary] gives: another version, a byte too many or too few, a
// value out of range or a number written longer than need be is an [*Error] (or
// several, joined) and gives the zero Signal. Times come back in UTC. The Signal
// keeps nothing of data.
func ParseSignal(data []byte) (Signal, error) {
	malformed := func(problem string) (Signal, error) {
		return Signal{}, &Error{Field: "signal", Problem: problem}
	}
	switch {
	case len(data) == 0:
		return malformed("is empty")
	case data[0] != wireVersion:
		return malformed("is of an unknown version")
	case len(data) > MaxSignalSize:
		return malformed("is too long")
	}
	r := reader{rest: data[1:]}
	s := r.signal()
	if r.failed {
		return malformed("is not well formed")
	}
	if err := s.Validate(); err != nil {
		return Signal{}, err
	}
	// Whatever the reading let pass (an unused flag, a long varint, a cause of
	// zeros, bytes at the end) cannot come out again, so only one form of a signal
	// is ever taken.
	var again [MaxSignalSize]byte
	if !bytes.Equal(s.append(again[:0]), data) {
		return malformed("is not in its one form")
	}
	return s, nil
}

// reader takes fields off the front. After a failure it gives zeros.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) signal() (s Signal) {
	flags := r.byte()
	copy(s.ID[:], r.take(16))
	if flags&flagCause != 0 {
		copy(s.Cause[:], r.take(16))
	}
	s.Category, s.Class, s.Confidence = Category(r.byte()), Class(r.byte()), int(r.byte())
	s.Severity, s.Review = Severity(r.byte()), Review(r.byte())
	s.Permitted, s.ActionTaken = Permission(r.byte()), Action(r.byte())
	s.Reports = uint32(r.uvarint()) // a longer one does not come out again
	s.Revision = r.uvarint()
	s.ValidUntil = unix(r.uint32())
	if flags&flagObserved != 0 {
		last := r.uint32()
		s.LastObserved, s.FirstObserved = unix(last), unix(last-int64(uint32(r.uvarint())))
	}
	names := int(r.byte())
	s.Origin = r.string()
	if names < 1 || names > 1+MaxPath {
		r.failed = true
	} else if names > 1 {
		s.Path = make([]string, names-1)
		for i := range s.Path {
			s.Path[i] = r.string()
		}
	}
	return s
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.failed, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) string() string { return string(r.take(int(r.byte()))) }

func (r *reader) uint32() int64 {
	if b := r.take(4); b != nil {
		return int64(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
