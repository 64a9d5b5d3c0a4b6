package ledger

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// Secrets are the keys a node is given at start and never writes to its data
// folder. An auditor needs none of them.
type Secrets struct {
	Log    ID
	Person map[byte][]byte   // by epoch: keys of person references and tags, 32 bytes each
	KEK    map[uint32][]byte // by epoch: key-encryption keys, 32 bytes each
}

// Keyring makes references and tags, and seals and opens payloads. It is used
// by the edge alone: Decide and the state machine need no key. Safe for
// concurrent use.
type Keyring struct {
	log     ID
	epoch   byte
	kek     uint32
	person  []byte
	keks    map[uint32]cipher.AEAD
	random  io.Reader
	macs    sync.Pool
	mu      sync.Mutex
	opened  map[ID]cipher.AEAD // data keys already unwrapped
	maximum int
}

// ErrSealed is returned for a payload that does not open: another key, another
// place, or altered bytes. Which, cannot be told.
var ErrSealed = errors.New("sealed payload does not open")

// ErrErased is returned where a payload's key is no longer there.
var ErrErased = errors.New("the payload's key is gone")

// NewKeyring makes a keyring from the newest epoch of each secret. random
// supplies nonces and new data keys: crypto/rand in a node.
func NewKeyring(s Secrets, random io.Reader) (*Keyring, error) {
	k := &Keyring{log: s.Log, random: random, keks: make(map[uint32]cipher.AEAD),
		opened: make(map[ID]cipher.AEAD), maximum: 1 << 15}
	for epoch, key := range s.Person {
		if len(key) != 32 {
			return nil, errors.New("a person key must have 32 bytes")
		}
		if epoch >= k.epoch {
			k.epoch, k.person = epoch, key
		}
	}
	for epoch, key := range s.KEK {
		a, err := newAEAD(key)
		if err != nil {
			return nil, fmt.Errorf("key-encryption key: %w", err)
		}
		k.keks[epoch] = a
		k.kek = max(k.kek, epoch)
	}
	if k.person == nil || len(k.keks) == 0 {
		return nil, errors.New("a person key and a key-encryption key are needed")
	}
	k.macs.New = func() any { return &mac{h: hmac.New(sha256.New, k.person)} }
	return k, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, errors.New("a key must have 32 bytes")
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

// mac returns the person key's HMAC of length-prefixed parts.
func (k *Keyring) mac(purpose, scope string, values ...string) [sha256.Size]byte {
	m := k.macs.Get().(*mac)
	m.b = appendPart(appendPart(m.b[:0], purpose), scope)
	for _, v := range values {
		m.b = appendPart(m.b, v)
	}
	m.h.Reset()
	m.h.Write(m.b)
	m.h.Sum(m.sum[:0])
	out := m.sum
	clear(m.b) // names and numbers
	k.macs.Put(m)
	return out
}

// mac is an HMAC with room for what goes into it and what comes out: none of it is
// made anew for each tag, of which a row of a file has half a dozen.
type mac struct {
	h   hash.Hash
	b   []byte
	sum [sha256.Size]byte
}

func appendPart(b []byte, part string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
}

// Person returns the reference of an NHS number of ten digits.
func (k *Keyring) Person(nhsNumber string) PersonRef {
	var p PersonRef
	p[0] = k.epoch
	sum := k.mac("person", nhsNumber)
	copy(p[1:], sum[:])
	return p
}

// Tag returns the keyed digest of a value within a scope: a person for a birth
// date, so that equal dates of two people do not show; an authority for a
// local identifier.
func (k *Keyring) Tag(purpose, scope string, values ...string) Tag {
	if len(values) == 1 && values[0] == "" {
		return Tag{}
	}
	sum := k.mac(purpose, scope, values...)
	return Tag(sum[:len(Tag{})])
}

// Content returns the keyed digest of what a request asked, in its caller's
// own bytes, so that a retry can be told from a reuse of its key.
func (k *Keyring) Content(route string, body []byte) Tag {
	sum := sha256.Sum256(body)
	return k.Tag("content", route, string(sum[:]))
}

// ContentSum is [Keyring.Content] for a body whose SHA-256 was taken as it streamed by.
func (k *Keyring) ContentSum(route string, sum [32]byte) Tag {
	return k.Tag("content", route, string(sum[:]))
}

// DataKey is one holder's data key, ready to use, and what of it must travel
// with a command that first uses it.
type DataKey struct {
	Wrapped WrappedKey
	New     bool
	aead    cipher.AEAD
}

// NewKey makes a data key for a holder. It must travel in the command that
// first uses it.
func (k *Keyring) NewKey(h Holder, id []byte) (DataKey, error) {
	var raw [32 + 16]byte
	if _, err := io.ReadFull(k.random, raw[:]); err != nil {
		return DataKey{}, fmt.Errorf("read randomness: %w", err)
	}
	a, err := newAEAD(raw[:32])
	if err != nil {
		return DataKey{}, err
	}
	w := WrappedKey{Holder: h, ID: append([]byte(nil), id...), KEK: k.kek}
	copy(w.Key[:], raw[32:])
	var nonce [12]byte
	if _, err := io.ReadFull(k.random, nonce[:]); err != nil {
		return DataKey{}, fmt.Errorf("read randomness: %w", err)
	}
	w.Wrapped = k.keks[k.kek].Seal(nonce[:], nonce[:], raw[:32], k.wrapContext(&w))
	clear(raw[:32])
	return DataKey{Wrapped: w, New: true, aead: a}, nil
}

func (k *Keyring) wrapContext(w *WrappedKey) []byte {
	b := append([]byte("custos key v1"), k.log[:]...)
	b = append(b, byte(w.Holder))
	b = binary.BigEndian.AppendUint32(b, w.KEK)
	b = append(b, w.Key[:]...)
	return append(b, w.ID...)
}

// Unwrap makes a recorded data key ready to use.
func (k *Keyring) Unwrap(w WrappedKey) (DataKey, error) {
	k.mu.Lock()
	a, ok := k.opened[w.Key]
	k.mu.Unlock()
	if ok {
		return DataKey{Wrapped: w, aead: a}, nil
	}
	kek, ok := k.keks[w.KEK]
	if !ok {
		return DataKey{}, ErrErased
	}
	if len(w.Wrapped) < 12 {
		return DataKey{}, ErrSealed
	}
	raw, err := kek.Open(nil, w.Wrapped[:12], w.Wrapped[12:], k.wrapContext(&w))
	if err != nil {
		return DataKey{}, ErrSealed
	}
	a, err = newAEAD(raw)
	clear(raw)
	if err != nil {
		return DataKey{}, ErrSealed
	}
	k.mu.Lock()
	if len(k.opened) >= k.maximum {
		for id := range k.opened { // any one: the cache is only a cache
			delete(k.opened, id)
			break
		}
	}
	k.opened[w.Key] = a
	k.mu.Unlock()
	return DataKey{Wrapped: w, aead: a}, nil
}

// context binds a ciphertext to its place: it opens nowhere else.
func (k *Keyring) context(w *WrappedKey, p Payload, command ID, row int) []byte {
	b := make([]byte, 0, 96)
	b = append(b, "custos payload v1"...)
	b = append(b, k.log[:]...)
	b = append(b, byte(w.Holder), byte(p))
	b = append(b, command[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(row))
	return append(b, w.ID...)
}

// Seal encrypts a payload for a command. row is 0 but for rows of an upload.
func (k *Keyring) Seal(key DataKey, p Payload, command ID, row int, details any) (Sealed, error) {
	plain, err := Marshal(details)
	if err != nil {
		return Sealed{}, fmt.Errorf("encode payload: %w", err)
	}
	out := make([]byte, 12, 12+len(plain)+16)
	if _, err := io.ReadFull(k.random, out); err != nil {
		return Sealed{}, fmt.Errorf("read randomness: %w", err)
	}
	out = key.aead.Seal(out, out, plain, k.context(&key.Wrapped, p, command, row))
	return Sealed{Payload: p, Holder: key.Wrapped.Holder, Key: key.Wrapped.Key, Row: row, Ciphertext: out}, nil
}

// Shown is one sealed payload as a committed outcome hands it out: what is
// needed to open it, and nothing that could be asked for elsewhere.
type Shown struct {
	Seq        Seq        `cbor:"1,keyasint"`
	Payload    Payload    `cbor:"2,keyasint"`
	Command    ID         `cbor:"3,keyasint"`
	Row        int        `cbor:"4,keyasint,omitempty"`
	Ciphertext []byte     `cbor:"5,keyasint,omitempty"` // empty when erased
	Key        WrappedKey `cbor:"6,keyasint"`
}

// Open decrypts a payload that a committed outcome disclosed.
func (k *Keyring) Open(s Shown, details any) error {
	if len(s.Ciphertext) < 12 || len(s.Key.Wrapped) == 0 {
		return ErrErased
	}
	key, err := k.Unwrap(s.Key)
	if err != nil {
		return err
	}
	var buf [512]byte
	plain, err := key.aead.Open(buf[:0], s.Ciphertext[:12], s.Ciphertext[12:], k.context(&s.Key, s.Payload, s.Command, s.Row))
	if err != nil {
		return ErrSealed
	}
	if err := Unmarshal(plain, details); err != nil {
		return ErrSealed
	}
	return nil
}
