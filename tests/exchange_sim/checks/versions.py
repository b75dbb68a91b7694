"""What is not in a version, or not on an Edge server, is not there."""


def cases(Case, world, Transport, SNAPIN):
    class Versions(Case):
        @classmethod
        def setUpClass(cls):
            cls.world = world('EX13,EX2013,Mailbox', 'EX16,EX2016,Mailbox', 'EX19,EX2019,Mailbox', 'EXSE,EXSE,Mailbox')
            cls.edge = world('EDGE1,EXSE,Edge,subscribed')
            cls.lone = world('EDGE1,EX2016,Edge')

        def test_versions(self):
            for server in ('EX13', 'EX16', 'EX19', 'EXSE'):
                self.works(self.world.ask('Get-RemoteDomain', server))
                (self.works if server != 'EX13' else lambda answer: self.fails(answer, 'NamedParameterNotFound'))(
                    self.world.ask('Set-ReceiveConnector "Default %s" -RejectSingleLabelRecipientDomains:$true' % server, server))
                self.fails(self.world.ask('Set-TransportConfig -SmtpClientAuthenticationDisabled:$true', server), 'NamedParameterNotFound')
                self.fails(self.world.ask('Get-IPBlockListEntry', server), 'CommandNotFoundException')
            self.fails(self.world.ask('Test-Message', 'EX16'), 'CommandNotFoundException')
            rows = self.works(self.world.ask('Get-ExchangeServer'.ljust(18), 'EX16'))['rows']
            self.assertEqual(['EX13', 'EX16', 'EX19', 'EXSE'], [row['Name'] for row in rows])

        def test_edge(self):
            def edge(text, where=self.edge):
                return where.run(SNAPIN + text, 'EDGE1')
            self.assertIn(b'subscribed', edge('Set-RemoteDomain Default -NDREnabled $false').stderr)
            self.assertIn(b'subscribed', edge('Remove-SendConnector Internet -Confirm:$false').stderr)
            self.assertIn(b'subscribed', edge('New-AcceptedDomain -Name x -DomainName x.test').stderr)
            done = edge('Set-RemoteDomain Default -NDREnabled $false; (Get-RemoteDomain).NDREnabled', self.lone)
            self.assertEqual((b'False', b''), (done.stdout.strip(), done.stderr))
            for missing in ('Get-Mailbox', 'Get-DatabaseAvailabilityGroup', 'Redirect-Message -Server a -Target b', 'New-TransportRule -Name x -From anna@contoso.test -DeleteMessage $true'):
                self.assertRegex(edge(missing).stderr, b'(?s)not recognized|cannot be found|is ambiguous', missing)
            done = edge('(Get-ReceiveConnector).Name; Set-ReceiveConnector "Default internal receive connector EDGE1" -Enabled $false; (Get-ReceiveConnector).Enabled')
            self.assertEqual([b'Default internal receive connector EDGE1', b'False'], done.stdout.replace(b'\r', b'').strip().split(b'\n'))
            self.assertIn(b'cannot connect', edge('New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://edge1.contoso.test/PowerShell/ -Authentication Kerberos').stderr)

    return [Versions]
