"""Faults of faults.json."""
import subprocess
import time


def cases(Case, world, Transport, SNAPIN):
    class Faults(Case):
        def setUp(self):
            self.world = world('EX1,EX2019,Mailbox,address=127.0.0.1,ports=25+21000')

        def fault(self, **fault):
            self.world.write('EX1', 'faults.json', [dict({'cmdlet': 'Get-RemoteDomain'}, **fault)])

        def test_errors_and_warnings(self):
            self.fault(do='throw')
            self.assertEqual(0, len(self.fails(self.world.ask('Get-RemoteDomain'), 'DataSourceTransient')['rows']))
            self.fault(do='error')
            self.assertEqual(1, len(self.fails(self.world.ask('Get-RemoteDomain'), 'DataSourceTransient')['rows']))
            self.fault(do='warning', text='mind it')
            self.assertEqual(['mind it'], self.works(self.world.ask('Get-RemoteDomain'))['warnings'])
            self.fault(do='prompt')
            self.assertIn('NonInteractive', self.fails(self.world.ask('Get-RemoteDomain'), 'PSInvalidOperation')['texts'][0])

        def test_nth_counts_over_all_shells(self):
            self.fault(do='throw', nth=2)
            self.works(self.world.ask('Get-RemoteDomain'))
            self.fails(self.world.ask('Get-RemoteDomain'), 'DataSourceTransient')
            self.works(self.world.ask('Get-RemoteDomain'))

        def test_what_lands_on_standard_output(self):
            script = '''$s = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://ex1.contoso.test/PowerShell/ -Authentication Kerberos
$r = Invoke-Command $s { Get-RemoteDomain }; $r.Name'''
            self.fault(do='host', text='hello there')
            self.assertEqual([b'hello there', b'Default'], self.world.run(script).stdout.replace(b'\r', b'').strip().split(b'\n'))
            self.fault(do='rubbish')
            self.assertIn(b'\xff\xfe\x00', self.world.run(script).stdout)

        def test_a_session_that_drops_has_done_its_work(self):
            self.world.write('EX1', 'faults.json', [{'cmdlet': 'Set-RemoteDomain', 'do': 'drop'}])
            answer = self.fails(self.world.ask('Set-RemoteDomain Default -NDREnabled:$false'), 'JobFailure')
            self.assertEqual('Broken', answer['state'])
            self.assertFalse(self.world.organisation()['remote_domains'][0]['NDREnabled'])

        def test_a_shell_that_dies(self):
            self.fault(do='die', code=9)
            self.assertEqual(9, self.world.run(SNAPIN + 'Get-RemoteDomain').returncode)

        def test_slow_and_never(self):
            self.fault(do='late', seconds=1.5)
            start = time.monotonic()
            self.works(self.world.ask('Get-RemoteDomain'))
            self.assertGreaterEqual(time.monotonic() - start, 1.5)
            self.fault(do='hang')
            with self.assertRaises(subprocess.TimeoutExpired):
                self.world.run(SNAPIN + 'Get-RemoteDomain', timeout=6)

    return [Faults]
