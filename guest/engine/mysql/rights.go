package mysql

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/engine/internal/mysqlfamily"
)

// Accounts implements mysqlfamily.Dialect. Source: MySQL, "Grant Tables".
func (d dialect) Accounts(ctx context.Context, s *mysqlfamily.Session) ([]*mysqlfamily.Account, error) {
	tables, err := mysqlfamily.ReadTables(ctx, s, "user", "global_grants", "role_edges")
	if err != nil {
		return nil, err
	}
	global := map[guest.UserName]map[string]bool{}
	for _, row := range tables["global_grants"] {
		name := guest.UserName{Name: row["USER"], Host: row["HOST"]}
		if global[name] == nil {
			global[name] = map[string]bool{}
		}
		global[name][row["PRIV"]] = true
		if row["WITH_GRANT_OPTION"] == "Y" {
			global[name]["GRANT OPTION"] = true
		}
	}
	var accounts []*mysqlfamily.Account
	byName := map[guest.UserName]*mysqlfamily.Account{}
	for _, row := range tables["user"] {
		name := guest.UserName{Name: row["User"], Host: row["Host"]}
		a, err := accountOf(row, global[name])
		if err != nil {
			return nil, guest.Errorf(guest.KindInternal, "reading the account %s: %v", row["User"], err)
		}
		accounts = append(accounts, a)
		byName[name] = a
	}
	for _, row := range tables["role_edges"] {
		if a := byName[guest.UserName{Name: row["TO_USER"], Host: row["TO_HOST"]}]; a != nil {
			a.Roles = append(a.Roles, mysqlfamily.Role{Name: row["FROM_USER"], Host: row["FROM_HOST"], Admin: row["WITH_ADMIN_OPTION"] == "Y"})
		}
	}
	return accounts, nil
}

// accountOf reads a row of mysql.user; dynamic are the privileges that it has no columns for.
func accountOf(row map[string]string, dynamic map[string]bool) (*mysqlfamily.Account, error) {
	verifier, err := verifierOf(row)
	if err != nil {
		return nil, err
	}
	a := &mysqlfamily.Account{
		Name: row["User"], Host: row["Host"], Verifier: verifier,
		// CREATE ROLE makes an account that nobody can log in to.
		IsRole: row["account_locked"] == "Y" && row["password_expired"] == "Y" && row["authentication_string"] == "",
		TLS:    row["ssl_type"],
	}
	if a.Limit, err = strconv.Atoi(row["max_user_connections"]); err != nil {
		return nil, err
	}
	privileges := mysqlfamily.ColumnPrivileges(row)
	for p := range dynamic {
		privileges[p] = true
	}
	if len(privileges) > 0 {
		a.Rights = append(a.Rights, mysqlfamily.Right{Level: mysqlfamily.OnAll, Database: "*", Privileges: privileges})
	}
	return a, nil
}

// verifierOf is the plain password hash of an account that has nothing else. Whatever lets somebody in another way, or
// nobody at all, is part of the text, so that it never equals a hash that trovectl set.
func verifierOf(row map[string]string) (string, error) {
	text := row["authentication_string"]
	if row["plugin"] != "caching_sha2_password" {
		text = row["plugin"] + ":" + text
	}
	var attributes struct {
		Second string            `json:"additional_password"`
		More   []json.RawMessage `json:"multi_factor_authentication"`
	}
	if row["User_attributes"] != "" {
		if err := json.Unmarshal([]byte(row["User_attributes"]), &attributes); err != nil {
			return "", err
		}
	}
	if attributes.Second != "" {
		text += " or " + attributes.Second
	}
	for _, factor := range attributes.More {
		text += " and " + string(factor)
	}
	if row["account_locked"] == "Y" {
		text += " locked"
	}
	if row["password_expired"] == "Y" {
		text += " expired"
	}
	return text, nil
}

// IdentifiedBy implements mysqlfamily.Dialect. In hexadecimal no character of the salt can be misread.
func (dialect) IdentifiedBy(verifier string) string {
	return "IDENTIFIED WITH caching_sha2_password AS 0x" + strings.ToUpper(hex.EncodeToString([]byte(verifier)))
}

// DefaultRoles implements mysqlfamily.Dialect.
func (dialect) DefaultRoles(account string, roles []string) string {
	if len(roles) == 0 {
		return ""
	}
	return "ALTER USER " + account + " DEFAULT ROLE ALL"
}
