"""The configuration of one lab host's Postfix: written before the host starts."""
import os
import shutil
import subprocess

from .names import LabError, sh

DOMAIN = 'lab.test'
ACCOUNTS = {'alice': 'stolen-secret', 'bob': 'bobs-secret'}  # alice is the account that was stolen

MAIN_CF = '''\
# Host {name} of the Mailquench lab.
compatibility_level = 3.6
myhostname = {name}.{domain}
mydestination = localhost
mynetworks = {mynetworks}
inet_interfaces = {interfaces}
inet_protocols = ipv4
relayhost = [{sink}]:{port}
alias_maps =
local_recipient_maps =
maillog_file = /var/log/mail.log

# No resolver answers in the lab.
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtpd_tls_security_level = none

smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated
    reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = {domain}
smtpd_sasl_security_options = noanonymous

# The lab is on one machine of two cores: no throttle of its own.
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
default_process_limit = 60
'''

SASL_CONF = '''\
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN
sasldb_path: /etc/postfix/sasl/sasldb2
'''

SUBMISSION = '''
# Authenticated clients; the overrides are what a relay lock has to find.
submission inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_client_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
'''

REINJECTION = '''
# Where a content filter hands mail back.
127.0.0.1:10025 inet n - n - - smtpd
  -o syslog_name=postfix/reinject
  -o content_filter=
  -o smtpd_sasl_auth_enable=no
  -o mynetworks=127.0.0.0/8
  -o smtpd_client_restrictions=
  -o smtpd_relay_restrictions=permit_mynetworks,reject
'''


def require():
    """Refuses, with one sentence, where the lab's programs are missing or not permitted."""
    for program in ('ip', 'unshare', 'nsenter', 'postfix', 'postconf', 'saslpasswd2'):
        if shutil.which(program) is None:
            raise LabError('%s is missing: run deploy/setup lab' % program)
    if os.geteuid() != 0:
        raise LabError('the lab makes network namespaces and must run as root')


def make_sasldb(folder):
    """One password file, copied to every host."""
    path = os.path.join(folder, 'sasldb2')
    for account, password in ACCOUNTS.items():
        subprocess.run(['saslpasswd2', '-p', '-c', '-u', DOMAIN, '-f', path, account],
                       input=password.encode(), check=True)
    shutil.chown(path, 'postfix', 'postfix')
    os.chmod(path, 0o600)
    return path


def _write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def _make_var(var):
    """An own /var: Postfix's folders with the owners they have here, and none of their files."""
    for part in ('spool', 'lib', 'log', 'tmp', 'cache', 'lib/mailquench'):
        os.makedirs(os.path.join(var, part), exist_ok=True)
    os.chmod(os.path.join(var, 'tmp'), 0o1777)
    for tree in ('spool/postfix', 'lib/postfix'):
        source = os.path.join('/var', tree)
        folders = [''] + [e.name for e in os.scandir(source) if e.is_dir(follow_symlinks=False)]
        for name in folders:
            if name in ('dev', 'etc', 'lib', 'usr'):
                continue  # only for a chroot, which the lab does without
            made = os.path.join(var, tree, name)
            os.makedirs(made, exist_ok=True)
            status = os.stat(os.path.join(source, name))
            os.chown(made, status.st_uid, status.st_gid)
            os.chmod(made, status.st_mode & 0o7777)
    log = os.path.join(var, 'log/mail.log')
    _write(log, '')  # made first: postlogd would make it as root and then fail as postfix
    shutil.chown(log, 'postfix', 'postfix')
    os.symlink('/run', os.path.join(var, 'run'))


def prepare_bare(folder, name, hosts_file):
    """`folder`/etc and `folder`/var of a node without a mail system."""
    etc = os.path.join(folder, 'etc')
    sh('cp', '-a', '/etc', etc)
    for entry in os.listdir(etc):
        if entry.startswith('postfix'):
            shutil.rmtree(os.path.join(etc, entry))
    for part in ('lib/mailquench', 'log', 'tmp', 'spool'):
        os.makedirs(os.path.join(folder, 'var', part))
    os.symlink('/run', os.path.join(folder, 'var/run'))
    _write(os.path.join(etc, 'hosts'), hosts_file)
    _write(os.path.join(etc, 'hostname'), name + '\n')


def prepare(folder, name, names, roles, sasldb, hosts_file):
    """Makes `folder`/etc and `folder`/var of the host. `roles` is a set of open, filter, multi."""
    etc = os.path.join(folder, 'etc')
    sh('cp', '-a', '/etc', etc)
    config = os.path.join(etc, 'postfix')
    _make_var(os.path.join(folder, 'var'))
    _write(os.path.join(etc, 'hosts'), hosts_file)
    _write(os.path.join(etc, 'hostname'), name + '\n')
    networks = '0.0.0.0/0' if 'open' in roles else '127.0.0.0/8 %s.0/24' % names.net
    _write(os.path.join(config, 'main.cf'),
           MAIN_CF.format(name=name, domain=DOMAIN, mynetworks=networks, interfaces='all',
                          sink=names.sink_ip, port=names.sink_port))
    master = os.path.join(config, 'master.cf')
    pristine = os.path.join(config, 'master.cf.proto')
    shutil.copyfile(pristine if os.path.exists(pristine) else '/usr/share/postfix/master.cf.dist',
                    master)
    sh('postconf', '-c', config, '-F', '*/*/chroot=n')
    with open(master, 'a', encoding='utf-8') as file:
        file.write(SUBMISSION + (REINJECTION if 'filter' in roles else ''))
    os.makedirs(os.path.join(config, 'sasl'), exist_ok=True)
    _write(os.path.join(config, 'sasl/smtpd.conf'), SASL_CONF)
    shutil.copyfile(sasldb, os.path.join(config, 'sasl/sasldb2'))
    shutil.chown(os.path.join(config, 'sasl/sasldb2'), 'postfix', 'postfix')
    os.chmod(os.path.join(config, 'sasl/sasldb2'), 0o600)


def add_instance(enter, folder, names, name):
    """A second instance, postfix-out, that takes mail on port 2526 of the host."""
    for command in (['postmulti', '-e', 'init'],
                    ['postmulti', '-I', 'postfix-out', '-e', 'create']):
        sh(*enter, *command)
    config = os.path.join(folder, 'etc/postfix-out')
    settings = ['master_service_disable=', 'authorized_submit_users=root', 'inet_protocols=ipv4',
                'myhostname=%s-out.%s' % (name, DOMAIN), 'mydestination=localhost',
                'inet_interfaces=all', 'mynetworks=127.0.0.0/8 %s.0/24' % names.net,
                'relayhost=[%s]:%d' % (names.sink_ip, names.sink_port), 'alias_maps=',
                'local_recipient_maps=', 'maillog_file=/var/log/mail-out.log',
                'smtpd_peername_lookup=no', 'smtp_dns_support_level=disabled',
                'smtpd_tls_security_level=none', 'in_flow_delay=0',
                'smtpd_relay_restrictions=permit_mynetworks reject_unauth_destination']
    sh('postconf', '-c', config, '-e', *settings)
    sh('postconf', '-c', config, '-F', '*/*/chroot=n')
    master = os.path.join(config, 'master.cf')
    with open(master, encoding='utf-8') as file:
        lines = file.read().splitlines(keepends=True)
    with open(master, 'w', encoding='utf-8') as file:
        for line in lines:
            file.write('2526 ' + line[len('smtp'):] if line.split()[:2] == ['smtp', 'inet']
                       else line)
    log = os.path.join(folder, 'var/log/mail-out.log')
    _write(log, '')
    shutil.chown(log, 'postfix', 'postfix')
    sh(*enter, 'postmulti', '-i', 'postfix-out', '-e', 'enable')
