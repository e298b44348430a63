"""Makes the projects, users, credentials and images of an acceptance run, as the cloud's administrator.

    testcloud.py DIR PAIRS     DIR/clouds.yaml: admin; t1, t1b, t2, t2b, ... (pairs of projects); guest; contract
Users are plain members, and every entry is a restricted application credential: trovectl has no more rights than that.
"""
import os
import secrets
import sys

import openstack

AUTH = 'http://10.77.0.1:5000/v3'


def connect(user, password, project):
    return openstack.connect(auth_type='password', auth_url=AUTH, username=user, password=password, project_name=project,
                             user_domain_name='Default', project_domain_name='Default', region_name='RegionOne', interface='public')


admin = connect('admin', 'osk', 'admin')


def entry(name, kind, auth):
    return '  %s:\n    auth_type: %s\n    auth: {auth_url: "%s", %s}\n    region_name: RegionOne\n    interface: public\n' % (
        name, kind, AUTH, ', '.join('%s: "%s"' % pair for pair in auth.items()))


def project(name):
    """A project with a member of its own; returns the member's entry of clouds.yaml. The contract wants a small quota to exceed."""
    password = secrets.token_hex(8)
    made = admin.identity.create_project(name=name, domain_id='default')
    user = admin.identity.create_user(name=name, domain_id='default', password=password)
    admin.identity.assign_project_role_to_user(made, user, admin.identity.find_role('member'))
    admin.set_compute_quotas(made.id, instances=10 if name == 'contract' else 50, cores=200, ram=204800, server_groups=50)
    admin.set_volume_quotas(made.id, volumes=100, snapshots=100, gigabytes=20000)
    member = connect(name, password, name)
    credential = member.identity.create_application_credential(member.current_user_id, name='trovectl', unrestricted=False)
    return entry(name, 'v3applicationcredential', {
        'application_credential_id': credential.id, 'application_credential_secret': credential.secret})


def zone():
    """The zone of the host whose guests really run."""
    real = admin.compute.create_aggregate(name='real', availability_zone='real')
    admin.compute.add_host_to_aggregate(real, 'kvm1')


def images(folder):
    """What servers of hosts without guests boot from: nothing reads it."""
    file = os.path.join(folder, 'nothing.raw')
    with open(file, 'wb') as out:
        out.write(bytes(4096))
    for name in ('mariadb-10.11', 'mariadb-10.11-simulated'):
        admin.create_image(name, filename=file, container_format='bare', disk_format='raw', visibility='public', wait=True)


def main(folder, pairs):
    names = ['t%d%s' % (n + 1, half) for n in range(pairs) for half in ('', 'b')] + ['guest', 'contract']
    entries = [project(name) for name in names]
    entries.append(entry('admin', 'password', {
        'username': 'admin', 'password': 'osk', 'project_name': 'admin', 'user_domain_name': 'Default', 'project_domain_name': 'Default'}))
    with open(os.open(os.path.join(folder, 'clouds.yaml'), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), 'w') as out:
        out.write('clouds:\n' + ''.join(entries))
    zone()
    images(folder)


main(sys.argv[1], int(sys.argv[2]))
