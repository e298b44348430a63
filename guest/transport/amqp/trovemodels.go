package amqp

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"

	"github.com/trovectl/trovectl/guest"
	"github.com/trovectl/trovectl/guest/transport/amqp/oslo"
)

// troveDatabase and troveUser are Trove's models as they are serialised (trove/common/db/mysql/models.py).
type troveDatabase struct {
	Name         string  `json:"_name"`
	CharacterSet *string `json:"_character_set"`
	Collate      *string `json:"_collate"`
}

type troveUser struct {
	Name      string          `json:"_name"`
	Host      *string         `json:"_host"`
	Password  *string         `json:"_password"`
	Databases []troveDatabase `json:"_databases"`
	IsRoot    bool            `json:"_is_root"`
}

// anyHost is where a user of Trove may come from when nothing is said.
const anyHost = "%"

func (u troveUser) named() guest.UserName {
	name := guest.UserName{Name: u.Name, Host: anyHost}
	if u.Host != nil && *u.Host != "" {
		name.Host = *u.Host
	}
	return name
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func (t *trove) listDatabases(ctx context.Context, c oslo.Request) (any, error) {
	seen, err := t.inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	all := []troveDatabase{}
	for _, database := range seen.Databases {
		all = append(all, troveDatabase{database.Name, &database.Charset, &database.Collation})
	}
	out, next, err := page(c, all, func(d troveDatabase) string { return d.Name })
	return []any{out, next}, err
}

func (t *trove) users(ctx context.Context, c oslo.Request) ([]troveUser, error) {
	seen, err := t.inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	all := []troveUser{}
	for _, user := range seen.Users {
		one := troveUser{Name: user.Name, Host: &user.Host, Databases: []troveDatabase{}}
		for _, grant := range user.Grants {
			one.Databases = append(one.Databases, troveDatabase{Name: grant.Database})
		}
		all = append(all, one)
	}
	return all, nil
}

func (t *trove) listUsers(ctx context.Context, c oslo.Request) (any, error) {
	all, err := t.users(ctx, c)
	if err != nil {
		return nil, err
	}
	marked := func(u troveUser) string { return u.Name + "@" + *u.Host }
	slices.SortFunc(all, func(a, b troveUser) int { return cmp.Compare(marked(a), marked(b)) })
	out, next, err := page(c, all, marked)
	return []any{out, next}, err
}

func (t *trove) getUser(ctx context.Context, c oslo.Request) (any, error) {
	name, err := arg[string](c, "username")
	if err != nil {
		return nil, err
	}
	host, err := arg[*string](c, "hostname")
	if err != nil {
		return nil, err
	}
	all, err := t.users(ctx, c)
	if err != nil {
		return nil, err
	}
	wanted := troveUser{Name: name, Host: host}.named()
	for _, user := range all {
		if user.named() == wanted {
			return user, nil
		}
	}
	return nil, nil
}

func (t *trove) isRootEnabled(ctx context.Context, c oslo.Request) (any, error) {
	seen, err := t.inspect(ctx, c)
	return seen.Root != nil && seen.Root.Enabled, err
}

// enableRoot answers with the account and its password: one that is made here, when the caller gives none.
func (t *trove) enableRoot(ctx context.Context, c oslo.Request) (any, error) {
	password := rand.Text()
	if _, given := c.Args["root_password"]; given {
		asked, err := arg[*string](c, "root_password")
		if err != nil {
			return nil, err
		}
		password = cmp.Or(orEmpty(asked), password)
	}
	verifier, err := t.verifier("root", password)
	if err != nil {
		return nil, err
	}
	if err := t.change(ctx, c, guest.MethodPutRoot, guest.PutRoot{Enabled: true, Verifier: verifier}); err != nil {
		return nil, err
	}
	host := anyHost
	return troveUser{Name: "root", Host: &host, Password: &password, Databases: []troveDatabase{}, IsRoot: true}, nil
}

func (t *trove) createDatabases(ctx context.Context, c oslo.Request) error {
	databases, err := arg[[]troveDatabase](c, "databases")
	if err != nil {
		return err
	}
	for i, database := range databases {
		body := guest.PutDatabase{Database: guest.Database{
			Name: database.Name, Charset: orEmpty(database.CharacterSet), Collation: orEmpty(database.Collate),
		}}
		if _, err := t.ask(ctx, part(c, i), guest.MethodPutDatabase, body); err != nil {
			return err
		}
	}
	return nil
}

func (t *trove) deleteDatabase(ctx context.Context, c oslo.Request) error {
	database, err := arg[troveDatabase](c, "database")
	if err != nil {
		return err
	}
	return t.change(ctx, c, guest.MethodDropDatabase, guest.DropDatabase{Name: database.Name})
}

func (t *trove) createUsers(ctx context.Context, c oslo.Request) error {
	users, err := arg[[]troveUser](c, "users")
	if err != nil {
		return err
	}
	for i, user := range users {
		grants := []guest.Grant{}
		for _, database := range user.Databases {
			grants = append(grants, guest.Grant{Database: database.Name, Privileges: []string{"ALL PRIVILEGES"}})
		}
		if err := t.putUser(ctx, part(c, i), user.named(), orEmpty(user.Password), grants); err != nil {
			return err
		}
	}
	return nil
}

func (t *trove) putUser(ctx context.Context, id string, name guest.UserName, password string, grants []guest.Grant) error {
	verifier, err := t.verifier(name.Name, password)
	if err != nil {
		return err
	}
	_, err = t.ask(ctx, id, guest.MethodPutUser, guest.PutUser{Name: name.Name, Host: name.Host, Verifier: verifier, Grants: grants})
	return err
}

// verifier is what the engine stores for a password, which appears in no error.
func (t *trove) verifier(user, password string) (string, error) {
	if t.Verifier == nil {
		return "", guest.Errorf(guest.KindUnsupported, "this guest takes no passwords from Trove's clients")
	}
	verifier, err := t.Verifier(password)
	if err != nil || password == "" {
		return "", guest.Errorf(guest.KindInvalid, "the password of the user %q cannot be used", user)
	}
	return verifier, nil
}

func (t *trove) deleteUser(ctx context.Context, c oslo.Request) error {
	user, err := arg[troveUser](c, "user")
	if err != nil {
		return err
	}
	return t.change(ctx, c, guest.MethodDropUser, guest.DropUser{UserName: user.named()})
}

// changePasswords names its users by keys of its own, as Trove does.
func (t *trove) changePasswords(ctx context.Context, c oslo.Request) error {
	users, err := arg[[]struct {
		Name     string  `json:"name"`
		Password string  `json:"password"`
		Host     *string `json:"host"`
	}](c, "users")
	if err != nil {
		return err
	}
	for i, user := range users {
		name := troveUser{Name: user.Name, Host: user.Host}.named()
		if err := t.putUser(ctx, part(c, i), name, user.Password, []guest.Grant{}); err != nil {
			return err
		}
	}
	return nil
}
