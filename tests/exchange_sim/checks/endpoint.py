"""Remoting to an endpoint without a language, and the snap-in beside it."""


def cases(Case, world, Transport, SNAPIN):
    class Endpoint(Case):
        @classmethod
        def setUpClass(cls):
            cls.world = world('EX1,EX2019,Mailbox,address=127.0.0.1,ports=25+21000')

        def test_what_is_no_literal_pipeline_of_known_cmdlets_is_refused(self):
            for text, why in (('Get-RemoteDomain | Where-Object { $_ }', 'ScriptsNotAllowed'), ('$x = 1', 'ScriptsNotAllowed'), ('Get-RemoteDomain $env:X', 'ScriptsNotAllowed'),
                              ('1 + 1', 'ScriptsNotAllowed'), ('Get-Date', 'CommandNotFoundException'), ('Invoke-SimCmdlet Get-RemoteDomain', 'CommandNotFoundException'),
                              ('Get-RemoteDomain | Select-Object Name', 'CommandNotFoundException'), ('Get-RemoteDomain -NoSuch 1', 'NamedParameterNotFound'),
                              ('Get-Queue -Identity a -Server b', 'AmbiguousParameterSet'), ('Set-ServerComponentState EX1 -Component HubTransport -Requester Nobody -State Active', 'ParameterArgumentValidationError'),
                              ('Set-RemoteDomain Default -NDREnabled yes', 'ParameterArgumentTransformationError'), ('Get-RemoteDomain NoSuch', 'ManagementObjectNotFoundException')):
                self.fails(self.world.ask(text), why)
            outcomes = open(self.world.path('servers', 'EX1', 'sim', 'calls.jsonl'), encoding='utf-8').read()
            self.assertIn('CantConvertWithScriptBlocks', outcomes)
            self.assertIn('Get-RemoteDomain NoSuch', outcomes)

        def test_what_arrives_is_deserialised(self):
            facts = self.world.json('''$s = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/PowerShell/ -Authentication Kerberos
$c = Invoke-Command $s { Get-ReceiveConnector "Default EX1" }
$d = Invoke-Command $s { Get-RemoteDomain NoSuch } -ErrorAction SilentlyContinue
ConvertTo-Json -Compress @{ t=$c.PSObject.TypeNames[0]; size=[string]$c.MaxMessageSize; bytes=$c.MaxMessageSize.PSObject.Methods["ToBytes"] -ne $null;
  auth=[string]$c.AuthMechanism; span=[string]$c.ConnectionTimeout; bindings=@($c.Bindings); enabled=$c.Enabled; hops=$c.MaxHopCount; from=$c.PSComputerName;
  e=$error[0].FullyQualifiedErrorId; et=$error[0].Exception.GetType().Name; origin=$error[0].OriginInfo.PSComputerName; act=$error[0].CategoryInfo.Activity }''')
            self.assertFalse(facts['bytes'])
            self.assertEqual('Deserialized.Microsoft.Exchange.Data.Directory.SystemConfiguration.ReceiveConnector', facts['t'])
            self.assertEqual(('36 MB (37,748,736 bytes)', '00:10:00', True, 60), (facts['size'], facts['span'], facts['enabled'], facts['hops']))
            self.assertEqual('Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer', facts['auth'])
            self.assertEqual(['127.0.0.1:23525'], facts['bindings'])
            self.assertEqual(('ex1.contoso.test', 'RemoteException', 'ex1.contoso.test', 'Get-RemoteDomain'), (facts['from'], facts['et'], facts['origin'], facts['act']))
            self.assertRegex(facts['e'], r'^\[Server=EX1,RequestId=.*\] \[FailureCategory=Cmdlet-ManagementObjectNotFoundException\] [0-9A-F]{8},Microsoft\.Exchange\.')

        def test_sessions_that_cannot_be_had(self):
            for text in ('-ConfigurationName Microsoft.Exchange -ConnectionUri http://nobody.contoso.test/PowerShell/ -Authentication Kerberos',
                         '-ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/Shell/ -Authentication Kerberos',
                         '-ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/PowerShell/ -Authentication Basic'):
                done = self.world.run('$s = New-PSSession %s -ErrorAction Stop; "had"' % text)
                self.assertEqual((b'', 1), (done.stdout, done.returncode), text)
                self.assertIn(b'failed with the following error', done.stderr)
            self.world.write('EX1', 'shell.json', {'endpoint': False})
            try:
                self.assertIn(b'cannot connect', self.world.run('New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/PowerShell/ -Authentication Kerberos').stderr)
            finally:
                self.world.write('EX1', 'shell.json', {})

        def test_roles_hide_cmdlets_and_parameters(self):
            self.world.write('EX1', 'shell.json', {'roles': ['Get-RemoteDomain', 'Set-RemoteDomain'], 'hidden_parameters': {'Set-RemoteDomain': ['NDREnabled']}})
            try:
                self.works(self.world.ask('Get-RemoteDomain'))
                self.fails(self.world.ask('Get-ReceiveConnector'), 'CommandNotFoundException')
                self.fails(self.world.ask('Set-RemoteDomain Default -NDREnabled:$false'), 'NamedParameterNotFound')
            finally:
                self.world.write('EX1', 'shell.json', {})

        def test_the_snapin_gives_live_objects(self):
            facts = self.world.json(SNAPIN + '''$c = Get-ReceiveConnector "Default EX1"
ConvertTo-Json -Compress @{ t=$c.PSObject.TypeNames[0]; auth=$c.AuthMechanism; bytes=$c.MaxMessageSize.ToBytes(); n=[string]$c.ProtocolLoggingLevel }''')
            self.assertEqual({'t': 'Microsoft.Exchange.Data.Directory.SystemConfiguration.ReceiveConnector', 'auth': 31, 'bytes': 37748736, 'n': 'None'}, facts)
            self.assertIn(b'is not installed', self.world.run('Add-PSSnapin Microsoft.Exchange.Management.PowerShell.E2010').stderr)

    return [Endpoint]
