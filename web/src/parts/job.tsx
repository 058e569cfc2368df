// What the gateway does behind its answer (a rehearsal, a verification): begun, watched until it has ended, or ended early.
import { Alert, Button, Progress, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { request } from '../api/client.ts';
import { queryClient } from '../api/queries.ts';
import { Icon } from './icon.tsx';
import { Failure } from './states.tsx';

export interface Job {
  /** Null: it is running. */
  readonly ended: string | null;
  readonly failure: string | null;
  readonly told: number;
  readonly all: number;
}

/** While it runs it is asked for again after this, ms. */
const refreshed = 500;

/** The job at `/tls/<name>`, which stands in its answer under the same name. */
export function useJob<Name extends string, Kind extends Job>(name: Name) {
  const path = `/tls/${name}`;
  const queryKey = [name];
  const query = useQuery({
    queryKey,
    queryFn: ({ signal }) => request<Readonly<Record<Name, Kind | null>>>('GET', path, { signal }),
    refetchInterval: ({ state }) => (state.data?.[name]?.ended === null ? refreshed : false),
  });
  const onSettled = () => queryClient.invalidateQueries({ queryKey });
  const begin = useMutation({ mutationFn: (body: object) => request<Kind>('POST', path, { body }), onSettled });
  const end = useMutation({ mutationFn: () => request('DELETE', path), onSettled });
  return { query, running: query.data?.[name]?.ended === null, begin, end };
}

export type JobControl = Pick<ReturnType<typeof useJob>, 'running' | 'begin' | 'end'>;

/** Why it could not be begun or ended. */
export function JobFailure({ begin, end }: JobControl) {
  return (
    <>
      {begin.isError && <Failure error={begin.error} />}
      {end.isError && <Failure error={end.error} />}
    </>
  );
}

export interface JobButtonProps {
  readonly job: JobControl;
  /** What it is begun with; null: that is not complete. */
  readonly body: object | null;
  readonly words: { readonly begin: string; readonly end: string };
}

/** Begins it, or ends the one that runs. */
export function JobButton({ job: { running, begin, end }, body, words }: JobButtonProps) {
  if (running) {
    return (
      <Button variant="default" loading={end.isPending} onClick={() => end.mutate()}>
        {words.end}
      </Button>
    );
  }
  return (
    <Button loading={begin.isPending} disabled={body === null} onClick={() => body !== null && begin.mutate(body)}>
      {words.begin}
    </Button>
  );
}

export interface JobProgressProps {
  readonly job: Job;
  /** How far it is, in words. */
  readonly progress: string;
  /** What came of it, said when it has ended by itself. */
  readonly outcome: { readonly bad: boolean; readonly text: string };
}

export function JobProgress({ job: { ended, failure, told, all }, progress, outcome }: JobProgressProps) {
  // One that had nothing to do is done; one that does not know yet how much there is has just begun.
  const part = all > 0 ? told / all : ended === null ? 0 : 1;
  return (
    <Stack gap="sm" p="md">
      <Progress value={part * 100} animated={ended === null} aria-label={progress} />
      <Text size="sm" role="status">
        {progress}
      </Text>
      {failure !== null && (
        <Alert color="red" icon={<Icon name="error" />}>
          <span lang="en">{failure}</span>
        </Alert>
      )}
      {ended !== null && failure === null && (
        <Alert color={outcome.bad ? 'red' : 'green'} icon={<Icon name={outcome.bad ? 'warning' : 'check'} />}>
          {outcome.text}
        </Alert>
      )}
    </Stack>
  );
}
