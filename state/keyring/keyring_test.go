package keyring_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/trovectl/trovectl/config/resource"
	"github.com/trovectl/trovectl/state"
	"github.com/trovectl/trovectl/state/keyring"
)

const (
	lineage = "abcdefghijklmnopqrstuvwxyz"
	member  = state.MemberID("abcdefghijkl")
)

func master() *keyring.Master {
	var key [keyring.KeySize]byte
	for i := range key {
		key[i] = byte(i)
	}
	return keyring.NewMaster(key)
}

// Guests that run have keys which were derived so. A change here locks their owners out: it is never a refactoring.
func TestDerivedKeysNeverChange(t *testing.T) {
	ring := master().Ring(lineage)
	digestKey := ring.DigestKey(member, 2)
	messageKey := ring.MessageKey(member, 2)
	vectors := []struct{ name, want, got string }{
		{"host key 1", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHF2VszK+sQHgTZOzJGu4XGjDB2zfR5BCSwUoB/zuVLp", ring.HostKey(member, 1).AuthorizedKey("")},
		{"host key 2", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDKdjlr6q3y5h5j2EbwsjQCCuxLPeB35+U1VeIBtUrdi", ring.HostKey(member, 2).AuthorizedKey("")},
		{"client key 1", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOeqxW14KP2mLZamBi1aTfnMDSkFFoAyrzEo0bI3/eyR me", ring.ClientKey(member, 1).AuthorizedKey("me")},
		{"digest key", "cc6e7a12185dff960d8824cf423391e0d76ab528417ee3528b6609233b823f40", hex.EncodeToString(digestKey[:])},
		{"password digest", "b24eb1146aecd3046b922e31aa64eba68dc5d09fe3c5ce91630d2061bd921f97", ring.PasswordDigest(resource.NewSecret("correct horse"))},
		{"hash digest", "193ef6a7d9c4e52bf3df9670182de2617f3e5a8a36ae0b14a9cfb81bd8b6b230", ring.HashDigest(resource.NewSecret("*0123"))},
		{"broker password", "ad6a408f55e71dad7abfb53188ebdd1020ffbe583740f2d29be10b2fb5b704ff", ring.BrokerPassword(member, 2).Reveal()},
		{"message key", "f33f1dd14661e9230f12b063c734ebb16b1ce3aee3e9e51e071e698b191a767b", hex.EncodeToString(messageKey[:])},
		{"trove key", "68f23663d09086075dcd484db610c9f7", ring.TroveKey(member).Reveal()},
		{"salt", "b683df01fc5277dc71e3cfdb50889f30be7376dd996687c76e509a1352444f6e", hex.EncodeToString(ring.Salt("instance.orders", "root"))},
		{"key check", "87a20e73bbaf15b5388a528c956620377d5545e939666465f21fdf7d43b65adc", ring.KeyCheck()},
	}
	for _, v := range vectors {
		if v.got != v.want {
			t.Errorf("%s is %s, want %s", v.name, v.got, v.want)
		}
	}
}

func TestEveryArgumentMakesAnotherKey(t *testing.T) {
	m := master()
	var other [keyring.KeySize]byte
	other[0] = 1
	keys := map[[keyring.KeySize]byte]string{}
	for name, key := range map[string][keyring.KeySize]byte{
		"base":           m.Derive(lineage, member, "root", 1),
		"master":         keyring.NewMaster(other).Derive(lineage, member, "root", 1),
		"lineage":        m.Derive(strings.Repeat("b", 26), member, "root", 1),
		"member":         m.Derive(lineage, "bbbbbbbbbbbb", "root", 1),
		"purpose":        m.Derive(lineage, member, "broker", 1),
		"generation":     m.Derive(lineage, member, "root", 2),
		"shifted border": m.Derive(lineage, `root" "`+member, "", 1),
	} {
		if twin, there := keys[key]; there {
			t.Errorf("%s and %s give the same key", name, twin)
		}
		keys[key] = name
	}
	if m.Ring(lineage).Derive(member, "root", 1) != m.Derive(lineage, member, "root", 1) {
		t.Error("a ring derives another key than its master")
	}
}

func TestSSHKeysAreReadByOpenSSHsReader(t *testing.T) {
	for _, comment := range []string{"", "a", "ab", "trovectl db1", "abcdefg", "abcdefgh"} {
		key := master().Ring(lineage).HostKey(member, 1)
		text := key.PrivatePEM(comment).Reveal()
		parsed, err := ssh.ParseRawPrivateKey([]byte(text))
		if err != nil {
			t.Fatalf("comment %q: %v", comment, err)
		}
		if !bytes.Equal(*parsed.(*ed25519.PrivateKey), key.Private()) {
			t.Errorf("comment %q: another key came back", comment)
		}
		if text != key.PrivatePEM(comment).Reveal() {
			t.Errorf("comment %q: the same key gives other bytes", comment)
		}
		public, gotComment, _, _, err := ssh.ParseAuthorizedKey([]byte(key.AuthorizedKey(comment)))
		if err != nil || gotComment != comment || !bytes.Equal(public.Marshal(), key.Public().Marshal()) {
			t.Errorf("comment %q: the public line came back as %q, %v", comment, gotComment, err)
		}
	}
}

func TestAnotherMasterKeyIsRefused(t *testing.T) {
	ring := master().Ring(lineage)
	if err := ring.Verify(ring.KeyCheck()); err != nil {
		t.Errorf("its own check: %v", err)
	}
	if err := ring.Verify(""); err != nil {
		t.Errorf("no check: %v", err)
	}
	var other [keyring.KeySize]byte
	other[31] = 1
	err := keyring.NewMaster(other).Ring(lineage).Verify(ring.KeyCheck())
	if !errors.Is(err, keyring.ErrWrongKey) || !strings.Contains(err.Error(), "TROVE_KEY") {
		t.Errorf("another master key: %v, want ErrWrongKey with advice", err)
	}
}

func TestNothingPrintsAKey(t *testing.T) {
	m := master()
	ring := m.Ring(lineage)
	var forms []string
	for _, secret := range [][]byte{ring.HostKey(member, 1).Private().Seed(), {0, 1, 2, 3, 4, 5, 6, 7}} {
		hexed := hex.EncodeToString(secret[:6])
		decimal := strings.Trim(fmt.Sprintf("%d", secret[:6]), "[]")
		syntax := strings.Trim(fmt.Sprintf("%#v", secret[:3]), "[]byte{}")
		forms = append(forms, hexed, decimal, syntax)
	}
	for _, v := range []any{m, *m, ring, *ring, ring.HostKey(member, 1), &struct{ K keyring.SSHKey }{ring.HostKey(member, 1)},
		struct{ k keyring.SSHKey }{ring.HostKey(member, 1)}, struct{ m *keyring.Master }{m}} {
		printed := fmt.Sprintf("%v %+v %#v %s %x %X %q %d", v, v, v, v, v, v, v, v)
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Errorf("encoding a %T: %v", v, err)
		}
		for _, text := range []string{printed, string(encoded)} {
			lower := strings.ToLower(text)
			if slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(lower, form) }) {
				t.Errorf("a %T prints as %s", v, text)
			}
		}
	}
}
